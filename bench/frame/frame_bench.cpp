// frame_bench [--json FILE]: the frame allocator beside a free list under a mutex and the C
// library's malloc, in one process and one run. Reference counting and all checks that ship are on.
//
// Times are minima over interleaved rounds; instructions are counted by single-stepping.
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/support/instructions.h"
#include "bench/support/report.h"
#include "vm/frame/frame_allocator.h"

extern "C" void base_panic(const char* message, const char*, uint32_t) {
  std::fprintf(stderr, "panic: %s\n", message);
  std::abort();
}

namespace {

using base::PageCount;
using base::Pfn;
using base::PfnRange;

constexpr uint64_t frame_count = 32768;  // 128 MiB
constexpr uint64_t first_frame = 1 << 18;

thread_local uint32_t this_cpu = 0;

struct Host {
  class BASE_CAPABILITY("lock") Lock {
   public:
    void acquire() BASE_ACQUIRE() { mutex_.lock(); }
    void release() BASE_RELEASE() { mutex_.unlock(); }

   private:
    std::mutex mutex_;
  };
  void* window(Pfn frame) { return memory + (frame.raw() - first_frame) * 4096; }
  uint32_t current_cpu() { return this_cpu; }
  void relax() { std::this_thread::yield(); }
  unsigned char* memory = nullptr;
};

unsigned char* map_memory() {
  void* memory = mmap(nullptr, frame_count * 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  return static_cast<unsigned char*>(memory);
}

// The contenders: get() and put(), of one frame.
class Ours {
 public:
  using Item = Pfn;
  Ours() : frames_(host_) {
    host_.memory = map_memory();
    const PfnRange all[] = {PfnRange::of(Pfn(first_frame), PageCount(frame_count))};
    if (!frames_.boot(all, all, 8).ok()) std::abort();
  }
  ~Ours() { munmap(host_.memory, frame_count * 4096); }
  Item get() { return frames_.allocate().value(); }
  void put(Item frame) { frames_.free(frame); }
  void* memory_of(Item frame) { return host_.window(frame); }
  vm::FrameAllocator<Host>& frames() { return frames_; }

 private:
  Host host_;
  vm::FrameAllocator<Host> frames_;
};

class FreeList {
 public:
  using Item = void*;
  FreeList() : memory_(map_memory()) {
    for (uint64_t i = frame_count; i-- > 0;) put(memory_ + i * 4096);
  }
  ~FreeList() { munmap(memory_, frame_count * 4096); }
  __attribute__((noinline)) Item get() {
    std::lock_guard lock(mutex_);
    void* frame = head_;
    std::memcpy(&head_, frame, sizeof head_);
    return frame;
  }
  __attribute__((noinline)) void put(Item frame) {
    std::lock_guard lock(mutex_);
    std::memcpy(frame, &head_, sizeof head_);
    head_ = frame;
  }

 private:
  std::mutex mutex_;
  void* head_ = nullptr;
  unsigned char* memory_;
};

class Malloc {
 public:
  using Item = void*;
  __attribute__((noinline)) Item get() { return std::aligned_alloc(4096, 4096); }
  __attribute__((noinline)) void put(Item frame) { std::free(frame); }
};

// What the loop around get and put costs.
class Nothing {
 public:
  using Item = void*;
  __attribute__((noinline)) Item get() {
    void* item = this;
    __asm__ volatile("" : "+r"(item));
    return item;
  }
  __attribute__((noinline)) void put(Item item) { __asm__ volatile("" : : "r"(this), "r"(item)); }
};

double now() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Nanoseconds per get and put together, `burst` gets before the puts.
template <class Contender>
double pair_time(Contender& contender, unsigned burst) {
  constexpr unsigned total = 40000;
  std::vector<typename Contender::Item> items(burst);
  const double start = now();
  for (unsigned i = 0; i < total; i += burst) {
    for (auto& item : items) item = contender.get();
    for (auto& item : items) contender.put(item);
  }
  return (now() - start) / total;
}

// Pairs per microsecond of all threads together.
template <class Contender>
double throughput(Contender& contender, unsigned threads, unsigned burst) {
  constexpr unsigned rounds = 5;
  std::vector<std::thread> running;
  const double start = now();
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      this_cpu = t;
      for (unsigned i = 0; i < rounds; ++i) (void)pair_time(contender, burst);
    });
  }
  for (std::thread& thread : running) thread.join();
  return threads * rounds * 40000.0 / ((now() - start) / 1000.0);
}

template <class Measure>
double best_of(unsigned rounds, Measure&& measure, bool highest) {
  double best = measure();
  for (unsigned i = 1; i < rounds; ++i) {
    const double again = measure();
    if (highest ? again > best : again < best) best = again;
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report("frame");
  Ours ours;
  FreeList list;
  Malloc heap;

  Nothing nothing;
  // Of the two functions, from their first instruction to their return.
  const auto instructions = [&](auto& contender) {
    const double loop = bench::count_instructions([&] { nothing.put(nothing.get()); });
    // The empty functions have one move and two returns.
    return bench::count_instructions([&] { contender.put(contender.get()); }) - loop + 3;
  };
  const double our_count = instructions(ours);
  report.row("get + put", "instructions", our_count, instructions(list), "free list under a mutex");
  report.row("get + put", "instructions", our_count, instructions(heap), "malloc of 4 KiB");
  report.row("get + put, aim", "instructions", our_count, 75, "the aim");

  const auto burst_instructions = [](auto& contender) {
    typename std::remove_reference_t<decltype(contender)>::Item items[128];
    return bench::count_instructions(
               [&] {
                 for (auto& item : items) item = contender.get();
                 for (auto& item : items) contender.put(item);
               },
               1, 1) /
           128;
  };
  const double our_burst = burst_instructions(ours);
  report.row("get + put, bursts of 128", "instructions", our_burst, burst_instructions(list),
             "free list under a mutex");
  report.row("get + put, bursts of 128", "instructions", our_burst, burst_instructions(heap),
             "malloc of 4 KiB");

  for (const unsigned burst : {1u, 16u, 1000u}) {
    const auto time = [&](auto& contender) {
      return best_of(15, [&] { return pair_time(contender, burst); }, false);
    };
    const double our_time = time(ours);
    const std::string name = "get + put, bursts of " + std::to_string(burst);
    report.row(name, "ns", our_time, time(list), "free list under a mutex");
    report.row(name, "ns", our_time, time(heap), "malloc of 4 KiB");
  }

  for (const unsigned threads : {1u, 2u, 4u}) {
    const auto pairs = [&](auto& contender) {
      return best_of(5, [&] { return throughput(contender, threads, 8); }, true);
    };
    const double our_pairs = pairs(ours);
    const std::string name = "get + put, " + std::to_string(threads) + " threads";
    report.row(name, "pairs/us", our_pairs, pairs(list), "free list under a mutex", "higher");
    report.row(name, "pairs/us", our_pairs, pairs(heap), "malloc of 4 KiB", "higher");
  }

  // What idle time saves the one who asks for zeros.
  auto& frames = ours.frames();
  frames.set_zeroed_target(PageCount(4096));
  const auto zero_time = [&](bool prepared) {
    constexpr unsigned count = 2000;
    std::vector<Pfn> got(count);
    if (prepared) {
      while (frames.zero_one()) {
      }
    } else {
      frames.drain_caches();
    }
    const double start = now();
    for (Pfn& frame : got) frame = frames.allocate(vm::Contents::zero).value();
    const double time = (now() - start) / count;
    for (const Pfn frame : got) frames.free(frame);
    return time;
  };
  const double prepared = best_of(9, [&] { return zero_time(true); }, false);
  const double fresh = best_of(9, [&] { return zero_time(false); }, false);
  report.row("get zeroed, idle time before", "ns", prepared, fresh, "zeroed when asked");

  // A 2 MiB block, against 512 frames.
  const double block = best_of(
      9,
      [&] {
        const double start = now();
        for (int i = 0; i < 1000; ++i) {
          frames.free(frames.allocate_block({.order = vm::order_2mib}).value());
        }
        return (now() - start) / 1000;
      },
      false);
  report.row("get + put of a 2 MiB block", "ns", block, 512 * pair_time(ours, 512),
             "512 frames one by one");
  return report.finish(argc, argv);
}
