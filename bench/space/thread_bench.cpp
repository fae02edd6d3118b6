// Throughput of two threads, each a CPU, beside one: faults, map + unmap and clones that share
// nothing but the machine. What this computer has to give is measured beside it: bare loops, and
// the same work on two machines (two Worlds), which share nothing at all. Where two machines do not
// reach twice as much, two spaces of one cannot.
//
// Other programs disturb, here and, if this computer is a virtual one, on its host. So samples are
// short (about 50 us) and many, of one thread, two, and two with machines of their own in turns,
// and the best of each counts: of two threads it is the one in which both ran all the time. Threads
// start a sample together, and it ends with the last. While one thread is measured the other
// sleeps.
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>

#include "../support/report.h"
#include "test/unit/space/space_fixture.h"

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  std::fprintf(stderr, "panic: %s (%s:%u)\n", message, file, line);
  std::abort();
}

namespace {

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;
using F = x86_64::Format;
using Clock = std::chrono::steady_clock;

constexpr base::Access read_write_access = Right::read | Right::write;
constexpr uint64_t first = 0x40000;                 // begins a leaf table
constexpr uint64_t frame_count = 65536;             // of a machine
constexpr unsigned turn_samples = 16;               // with one thread, then as many with two
constexpr unsigned turns_wanted = 1500;             // of a row
constexpr auto patience = std::chrono::seconds(8);  // for a row

// No line of one space beside one of another.
struct alignas(512) Space : Process<F> {
  using Process<F>::Process;
  char room[512];
};

VpnRange range(uint64_t at, uint64_t count) {
  return VpnRange::of(Vpn(at), PageCount(count));
}

void touch(Process<F>& process, uint64_t page) {
  const base::Access access = Right::write;
  if (!process.space.fault({base::UserAddr::of(Vpn(page)), access | Right::user}).is_resolved()) {
    std::abort();
  }
}

// What one thread does in a sample: prepare(cpu), unmeasured, then work(cpu).
struct Job {
  std::function<void(uint32_t cpu)> prepare;
  std::function<void(uint32_t cpu)> work;
};

// The calling thread becomes a CPU of the machine, and stays on one of the computer's, so that two
// are never made to share one. If that is not allowed, the ratios show it.
void become_cpu(uint32_t cpu) {
  this_cpu = cpu;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (uint32_t at = 0, seen = 0; at < CPU_SETSIZE; ++at) {
    if (!CPU_ISSET(at, &allowed) || seen++ != cpu) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(at, &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// Waits until `count` threads are at the same turn.
class Meeting {
 public:
  explicit Meeting(unsigned count) : count_(count) {}
  void wait() {
    const unsigned turn = turn_.load();
    if (arrived_.fetch_add(1) + 1 == count_) {
      arrived_.store(0);
      turn_.store(turn + 1);
      return;
    }
    while (turn_.load() == turn) {
      __builtin_ia32_pause();
    }
  }

 private:
  const unsigned count_;
  alignas(128) std::atomic<unsigned> arrived_{0};
  alignas(128) std::atomic<unsigned> turn_{0};
};

// The best samples of one row, in nanoseconds.
struct Best {
  double one = 1e30;
  double two = 1e30;
  double apart = 1e30;  // two threads at the other job
};

class Comparison {
 public:
  // `apart`: the same work where the threads share nothing; nullptr if `job` is such already.
  Comparison(const Job& job, const Job* apart) : job_(job), apart_(apart) {}

  Best run() {
    std::thread other([this] {
      become_cpu(1);
      for (wake_.acquire(); !over_; wake_.acquire()) run_together(1);
    });
    std::thread one([this] {
      become_cpu(0);
      const Clock::time_point deadline = Clock::now() + patience;
      for (unsigned turn = 0; turn < turns_wanted && Clock::now() < deadline; ++turn) {
        run_alone();
        wake_.release();
        run_together(0);
      }
      over_ = true;
      wake_.release();
    });
    one.join();
    other.join();
    return best_;
  }

 private:
  struct alignas(128) Times {
    Clock::time_point start, end;
  };

  static double nanoseconds(Clock::time_point start, Clock::time_point end) {
    return std::chrono::duration<double, std::nano>(end - start).count();
  }
  void measure(const Job& job, uint32_t cpu) {
    times_[cpu].start = Clock::now();
    job.work(cpu);
    times_[cpu].end = Clock::now();
  }
  void run_alone() {
    for (unsigned sample = 0; sample < turn_samples; ++sample) {
      job_.prepare(0);
      measure(job_, 0);
      best_.one = std::min(best_.one, nanoseconds(times_[0].start, times_[0].end));
    }
  }
  void run_together(uint32_t cpu) {
    take_part(job_, cpu, best_.two);
    if (apart_ != nullptr) take_part(*apart_, cpu, best_.apart);
  }
  // Both threads. Times are read between the end of a sample and the start of the next.
  void take_part(const Job& job, uint32_t cpu, double& best) {
    for (unsigned sample = 0; sample < turn_samples; ++sample) {
      job.prepare(cpu);
      meeting_.wait();
      measure(job, cpu);
      meeting_.wait();
      if (cpu == 0) {
        best = std::min(best, nanoseconds(std::min(times_[0].start, times_[1].start),
                                          std::max(times_[0].end, times_[1].end)));
      }
    }
  }

  const Job& job_;
  const Job* apart_;
  Meeting meeting_{2};
  Times times_[2];
  Best best_;
  std::binary_semaphore wake_{0};
  bool over_ = false;  // written before the last wake-up
};

// Rows in thousands of operations a second.
void compare(bench::Report& report, const std::string& name, unsigned operations, const Job& job) {
  const Best best = Comparison(job, nullptr).run();
  report.row(name, "k/s, 2 threads", 2 * operations * 1e6 / best.two, operations * 1e6 / best.one,
             "1 thread", "higher");
}

void compare(bench::Report& report, const std::string& name, unsigned operations, const Job& job,
             const Job& apart) {
  const Best best = Comparison(job, &apart).run();
  const double one = operations * 1e6 / best.one;
  report.row(name + ", two spaces", "k/s, 2 threads", 2 * operations * 1e6 / best.two, one,
             "1 thread", "higher");
  report.row("  (the same, two machines)", "k/s, 2 threads", 2 * operations * 1e6 / best.apart, one,
             "1 thread", "higher");
}

const auto nothing = [](uint32_t) {};

void bare(bench::Report& report) {
  struct alignas(4096) Room {
    char pages[2][65536];
  };
  static Room room;
  compare(report, "arithmetic", 1, {nothing, [](uint32_t cpu) {
                                      uint64_t value[4] = {cpu + 1, 2, 3, 4};
                                      for (int i = 0; i < 20000; ++i) {
                                        for (uint64_t& each : value) {
                                          each = each * 6364136223846793005ULL + 1;
                                          __asm__ volatile("" : "+r"(each));
                                        }
                                      }
                                    }});
  compare(report, "zeroing 64 KiB of its own", 20,
          {nothing, [](uint32_t cpu) {
             for (int i = 0; i < 20; ++i) {
               char* bytes = room.pages[cpu];
               __builtin_memset(bytes, 0, 65536);
               __asm__ volatile("" : : "r"(bytes) : "memory");
             }
           }});
}

constexpr uint64_t fault_pages = 48;
constexpr unsigned turns = 200;
constexpr unsigned children = 150;

uint64_t fault_base(uint32_t cpu) {
  return first + cpu * 4096;
}

// Two processes of one machine or of two, each made by its own CPU; or one process for both. (Made
// by one CPU, their tables would be neighbours, and so the 16 bytes that libvm keeps of each.)
struct Pair {
  Pair(World<F>& one, World<F>& other) : worlds{&one, &other} {
    for (uint32_t cpu = 0; cpu < 2; ++cpu) make(cpu);
  }
  explicit Pair(World<F>& world) : worlds{&world, &world} {
    make(0);
    spaces[1] = spaces[0];
  }

  // Fresh pages in tables that are there, of one table a thread.
  [[nodiscard]] Job faults() const {
    return {[this](uint32_t cpu) {
              World<F>::check(spaces[cpu]->space.advise(range(fault_base(cpu) + 1, fault_pages),
                                                        vm::Advice::dont_need));
              touch(*spaces[cpu], fault_base(cpu));
            },
            [this](uint32_t cpu) {
              for (uint64_t page = 1; page <= fault_pages; ++page) {
                touch(*spaces[cpu], fault_base(cpu) + page);
              }
            }};
  }
  [[nodiscard]] Job maps(bool write) const {
    return {nothing, [this, write](uint32_t cpu) {
              Space& process = *spaces[cpu];
              for (unsigned turn = 0; turn < turns; ++turn) {
                if (!process.map(first + 0x10000, 1, read_write_access).ok()) std::abort();
                if (write) touch(process, first + 0x10000);
                World<F>::check(process.space.unmap(range(first + 0x10000, 1)));
              }
            }};
  }
  [[nodiscard]] Job clones() const {
    return {nothing, [this](uint32_t cpu) {
              for (unsigned turn = 0; turn < children; ++turn) {
                Space child(*worlds[cpu]);
                World<F>::check(spaces[cpu]->space.clone_into(child.space));
              }
            }};
  }

  World<F>* worlds[2];
  std::unique_ptr<Space> owned[2];
  Space* spaces[2];

 private:
  void make(uint32_t cpu) {
    this_cpu = cpu;
    owned[cpu] = std::make_unique<Space>(*worlds[cpu]);
    spaces[cpu] = owned[cpu].get();
    for (uint32_t part = 0; part < 2; ++part) {
      if (!spaces[cpu]->map(fault_base(part), 512, read_write_access).ok()) std::abort();
    }
    this_cpu = 0;
  }
};

void spaces(bench::Report& report) {
  {
    World<F> world(frame_count);
    const Pair same(world);
    compare(report, "write fault, fresh page, one space", fault_pages, same.faults());
  }
  World<F> one(frame_count);
  World<F> other(frame_count);
  const Pair together(one, one);
  const Pair apart(one, other);
  compare(report, "write fault, fresh page", fault_pages, together.faults(), apart.faults());
  compare(report, "map + unmap 1 page, untouched", turns, together.maps(false), apart.maps(false));
  compare(report, "map + write + unmap 1 page", turns, together.maps(true), apart.maps(true));
  compare(report, "clone + end of the child", children, together.clones(), apart.clones());
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report("threads");
  bare(report);
  spaces(report);
  return report.finish(argc, argv);
}
