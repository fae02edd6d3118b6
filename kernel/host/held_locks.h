// held_locks.h: the spin locks that one CPU holds. With debug checks on (Meson: debug_checks) it
// panics when one is taken that does not come after those held, and names both.
//
// The CPU's own, interrupts masked while it changes.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "kernel/host/lock_rank.h"

namespace kernel {

class HeldLocks {
 public:
  // Before the CPU waits for the lock, so that what could deadlock is found though it did not.
  void check_order(const void* lock, LockRank rank) const {
#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
    if (count_ != 0) {
      const Held& last = held_[(count_ - 1) % most];
      if (last.rank > rank || (last.rank == rank && last.lock >= lock)) {
        out_of_order(last.rank, rank);
      }
    }
#else
    (void)lock, (void)rank;
#endif
  }
  void add(const void* lock, LockRank rank) {
#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
    held_[count_ % most] = {lock, rank};
#else
    (void)lock, (void)rank;
#endif
    ++count_;
  }
  void remove(const void* lock) {
    --count_;
#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
    if (held_[count_ % most].lock != lock) {
      remove_from_middle(lock);
    }
#else
    (void)lock;
#endif
  }
  [[nodiscard]] bool none() const { return count_ == 0; }

 private:
  // In ascending order, so the last one stands for all.
  struct Held {
    const void* lock;
    LockRank rank;
  };
  static constexpr uint32_t most = 16;

  // Returns when the machine is panicking: what a panic says needs locks in any order.
  static void out_of_order(LockRank held, LockRank taken);
  void remove_from_middle(const void* lock);

  uint32_t count_ = 0;
  Held held_[most]{};
};

}  // namespace kernel
