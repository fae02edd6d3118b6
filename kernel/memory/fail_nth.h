// fail_nth.h: making an allocation fail on purpose, to prove that everything copes.
//
// A thread asks that its Nth allocation from now on (heap block or page frame, whatever for) be
// refused with Error::out_of_memory, once. Programs reach it as `fail:`. Other threads and faults
// in user mode, which could only kill, notice nothing.
#pragma once

#include <cstdint>

namespace kernel {

// Of the current thread. 0: none any more; 1: the next.
void fail_allocation(uint64_t nth);
// How many allocations are left before the one that fails, it included; 0: it has failed, or none
// was asked for.
[[nodiscard]] uint64_t allocations_until_failure();

// While it lives the current thread's allocations do not count.
class [[nodiscard]] FailurePause {
 public:
  FailurePause() : saved_(allocations_until_failure()) { fail_allocation(0); }
  FailurePause(const FailurePause&) = delete;
  FailurePause& operator=(const FailurePause&) = delete;
  ~FailurePause() { fail_allocation(saved_); }

 private:
  uint64_t saved_;
};

// What every allocator asks for each request: true once, when it has to refuse.
[[nodiscard]] bool refuse_allocation();

}  // namespace kernel
