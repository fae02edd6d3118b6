// spin_lock.h: mutual exclusion between CPUs and against this CPU's interrupt handlers.
//
// A free lock goes to whoever runs and asks first; a CPU that has asked in vain for long queues,
// and then the lock goes to those in the queue, in order, before anybody else. Strict order from
// the start would let all wait for one CPU that a hypervisor does not run just then; none at all
// would let one wait for ever.
//
// Who waits answers shootdowns (memory/shootdown.h), so a holder may ask for one. Interrupts are
// masked while it is held, and their state before is put back: it may be taken in any context but
// NMI. Not recursive. Taken through base::Guard, in the order of their ranks (lock_rank.h). Never
// held while user memory is touched or anything is waited for. All this is checked.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "cpu/cpu.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/lock_rank.h"

namespace kernel {

class BASE_CAPABILITY("spin lock") SpinLock {
 public:
  explicit constexpr SpinLock(LockRank rank) : rank_(rank) {}
  // libvm's.
  explicit constexpr SpinLock(base::LockRank rank) : rank_(rank_of(rank)) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void acquire() BASE_ACQUIRE() {
    const cpu::InterruptState before = cpu::mask_interrupts();
    cpu_local().held_locks.check_order(this, rank_);
    if (has_queue() || !try_take()) {
      wait();
    }
    before_ = before;
    cpu_local().held_locks.add(this, rank_);
  }
  void release() BASE_RELEASE() {
    const cpu::InterruptState before = before_;
    cpu_local().held_locks.remove(this);
    taken_.store<base::Order::release>(0);
    cpu::restore_interrupts(before);
  }

 private:
  [[nodiscard]] bool try_take() { return taken_.exchange<base::Order::acquire>(1) == 0; }
  // A hint: who finds no queue may come before one that begins just then.
  [[nodiscard]] bool has_queue() const {
    return next_.load<base::Order::relaxed>() != serving_.load<base::Order::relaxed>();
  }
  void wait();

  base::Atomic<uint32_t> taken_{0};
  // Of the queue: the number of who comes next, and of who is first.
  base::Atomic<uint32_t> next_{0};
  base::Atomic<uint32_t> serving_{0};
  cpu::InterruptState before_{};  // the holder's
  const LockRank rank_;
};

// From now on nobody waits for a lock: its holder may have been stopped. For a panic.
void break_spin_locks();
[[nodiscard]] bool spin_locks_are_broken();

}  // namespace kernel
