// RAM for frame tests: a FrameHost over one aligned piece of process memory, CPUs chosen by thread.
#pragma once

#include <sched.h>
#include <stdlib.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "vm/frame/frame_allocator.h"

namespace frame_test {

using base::PageCount;
using base::Pfn;
using base::PfnRange;

inline thread_local uint32_t this_cpu = 0;

class TestHost {
 public:
  class BASE_CAPABILITY("lock") Lock {
   public:
    void acquire() BASE_ACQUIRE() { mutex_.lock(); }
    void release() BASE_RELEASE() { mutex_.unlock(); }

   private:
    std::mutex mutex_;
  };

  // Frames first .. first + pages - 1 are backed by memory.
  TestHost(Pfn first, PageCount pages) : first_(first), pages_(pages) {
    memory_ = static_cast<unsigned char*>(aligned_alloc(4096, pages.bytes().raw()));
    REQUIRE(memory_ != nullptr);
  }
  ~TestHost() { ::free(memory_); }
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  void* window(Pfn frame) {
    return PfnRange::of(first_, pages_).contains(frame) ? memory_ + (frame - first_).bytes().raw()
                                                        : nullptr;
  }
  uint32_t current_cpu() { return this_cpu; }
  void relax() { sched_yield(); }

 private:
  Pfn first_;
  PageCount pages_;
  unsigned char* memory_;
};

using Allocator = vm::FrameAllocator<TestHost>;

// A booted allocator over one range, all of it backed.
class Memory {
 public:
  explicit Memory(uint64_t pages, uint32_t cpus = 4, uint64_t first = 1 << 18)
      : range_(PfnRange::of(Pfn(first), PageCount(pages))),
        host(Pfn(first), PageCount(pages)),
        frames(host) {
    const PfnRange all[] = {range_};
    REQUIRE(frames.boot(all, all, cpus).ok());
    managed = frames.statistics().managed.raw();
    everything_back();
  }
  ~Memory() { everything_back(); }

  // No frame is out.
  void everything_back() {
    frames.drain_caches();
    frames.check();
    const vm::FrameStatistics now = frames.statistics();
    CHECK(now.free.raw() == managed);
    CHECK(now.available().raw() == managed);
  }

 private:
  PfnRange range_;

 public:
  TestHost host;
  Allocator frames;
  uint64_t managed = 0;
};

}  // namespace frame_test
