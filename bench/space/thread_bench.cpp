// Throughput of two threads, each a CPU, beside one: faults, map + unmap and clones that share
// nothing but the machine. Bare loops first: what two threads of this computer reach at best.
//
// Other programs disturb, so samples are short (about 0.2 ms) and many, and the best counts: of two
// threads it is the one in which both ran all the time. Threads start a sample together, and it
// ends with the last.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
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
constexpr uint64_t first = 0x40000;  // begins a leaf table
constexpr unsigned samples = 2000;
constexpr auto patience = std::chrono::seconds(4);  // for one row and number of threads

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
    }
  }

 private:
  const unsigned count_;
  alignas(128) std::atomic<unsigned> arrived_{0};
  alignas(128) std::atomic<unsigned> turn_{0};
};

// Nanoseconds of the best sample with `count` threads.
double best_sample(const Job& job, unsigned count) {
  Meeting meeting(count);
  struct alignas(128) Times {
    Clock::time_point start, end;
  };
  Times times[2];
  double best = 1e30;
  bool enough = false;  // written between two meetings, by one thread
  const Clock::time_point deadline = Clock::now() + patience;
  const auto run = [&](uint32_t cpu) {
    this_cpu = cpu;
    for (unsigned sample = 0; sample < samples && !enough; ++sample) {
      job.prepare(cpu);
      meeting.wait();
      times[cpu].start = Clock::now();
      job.work(cpu);
      times[cpu].end = Clock::now();
      meeting.wait();
      if (cpu == 0) {
        enough = Clock::now() > deadline;
        Times all = times[0];
        if (count == 2) {
          all.start = std::min(all.start, times[1].start);
          all.end = std::max(all.end, times[1].end);
        }
        best =
            std::min(best, std::chrono::duration<double, std::nano>(all.end - all.start).count());
      }
    }
  };
  std::thread other;
  if (count == 2) other = std::thread(run, 1);
  std::thread one(run, 0);
  one.join();
  if (other.joinable()) other.join();
  return best;
}

void compare(bench::Report& report, const char* name, unsigned operations, const Job& job) {
  // Thousands of operations a second and thread.
  const double one = operations * 1e6 / best_sample(job, 1);
  const double two = 2 * operations * 1e6 / best_sample(job, 2);
  report.row(name, "k/s, 2 threads", two, one, "1 thread", "higher");
}

const auto nothing = [](uint32_t) {};

void bare(bench::Report& report) {
  struct alignas(4096) Room {
    char pages[2][65536];
  };
  static Room room;
  compare(report, "arithmetic", 1, {nothing, [](uint32_t cpu) {
                                      uint64_t value = cpu + 1;
                                      for (int i = 0; i < 100000; ++i) {
                                        value = value * 6364136223846793005ULL + 1;
                                        __asm__ volatile("" : "+r"(value));
                                      }
                                    }});
  compare(report, "zeroing 64 KiB of its own", 50,
          {nothing, [](uint32_t cpu) {
             for (int i = 0; i < 50; ++i) {
               char* bytes = room.pages[cpu];
               __builtin_memset(bytes, 0, 65536);
               __asm__ volatile("" : : "r"(bytes) : "memory");
             }
           }});
}

constexpr uint64_t fault_pages = 48;

void faults_in(bench::Report& report, const char* name, std::unique_ptr<Space> (&processes)[2]) {
  const auto base_of = [](uint32_t cpu) { return first + cpu * 4096; };
  for (uint32_t cpu = 0; cpu < 2; ++cpu) {
    if (!processes[cpu]) continue;
    for (uint32_t part = 0; part < 2; ++part) {
      if (!processes[cpu]->map(base_of(part), 512, read_write_access).ok()) std::abort();
    }
  }
  const auto process_of = [&](uint32_t cpu) -> Space& {
    return processes[cpu] ? *processes[cpu] : *processes[0];
  };
  compare(report, name, fault_pages,
          {[&](uint32_t cpu) {
             World<F>::check(process_of(cpu).space.advise(range(base_of(cpu) + 1, fault_pages),
                                                          vm::Advice::dont_need));
             touch(process_of(cpu), base_of(cpu));
           },
           [&](uint32_t cpu) {
             for (uint64_t page = 1; page <= fault_pages; ++page) {
               touch(process_of(cpu), base_of(cpu) + page);
             }
           }});
}

void spaces(bench::Report& report) {
  World<F> world(65536);
  {
    std::unique_ptr<Space> processes[2] = {std::make_unique<Space>(world), nullptr};
    faults_in(report, "write fault, fresh page, one space", processes);
  }
  std::unique_ptr<Space> processes[2] = {std::make_unique<Space>(world),
                                         std::make_unique<Space>(world)};
  faults_in(report, "write fault, fresh page, two spaces", processes);
  constexpr unsigned turns = 200;
  compare(report, "map + unmap 1 page, untouched, two spaces", turns,
          {nothing, [&](uint32_t cpu) {
             for (unsigned turn = 0; turn < turns; ++turn) {
               if (!processes[cpu]->map(first + 0x10000, 1, read_write_access).ok()) std::abort();
               World<F>::check(processes[cpu]->space.unmap(range(first + 0x10000, 1)));
             }
           }});
  compare(report, "map + write + unmap 1 page, two spaces", turns,
          {nothing, [&](uint32_t cpu) {
             for (unsigned turn = 0; turn < turns; ++turn) {
               if (!processes[cpu]->map(first + 0x10000, 1, read_write_access).ok()) std::abort();
               touch(*processes[cpu], first + 0x10000);
               World<F>::check(processes[cpu]->space.unmap(range(first + 0x10000, 1)));
             }
           }});
  constexpr unsigned children = 20;
  compare(report, "clone + end of the child, two spaces", children,
          {nothing, [&](uint32_t cpu) {
             for (unsigned turn = 0; turn < children; ++turn) {
               Space child(world);
               World<F>::check(processes[cpu]->space.clone_into(child.space));
             }
           }});
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report("threads");
  bare(report);
  spaces(report);
  return report.finish(argc, argv);
}
