// spin_lock.h: mutual exclusion between CPUs and against this CPU's interrupt handlers.
//
// CPUs get it in the order in which they came. Who waits answers shootdowns (memory/shootdown.h), so
// a holder may ask for one. Interrupts are masked while it is held, and their state before is put
// back: it may be taken in any context but NMI. Not recursive. Taken through base::Guard. Never held
// while user memory is touched or anything is waited for, which is checked.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "cpu/cpu.h"
#include "kernel/host/cpu_local.h"

namespace kernel {

class BASE_CAPABILITY("spin lock") SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void acquire() BASE_ACQUIRE() {
    const cpu::InterruptState before = cpu::mask_interrupts();
    const uint32_t turn = next_.fetch_add<base::Order::relaxed>(1);
    if (serving_.load<base::Order::acquire>() != turn) {
      wait_for(turn);
    }
    before_ = before;
    ++cpu_local().locks_held;
  }
  void release() BASE_RELEASE() {
    const cpu::InterruptState before = before_;
    --cpu_local().locks_held;
    serving_.store<base::Order::release>(serving_.load<base::Order::relaxed>() + 1);
    cpu::restore_interrupts(before);
  }

 private:
  void wait_for(uint32_t turn);

  base::Atomic<uint32_t> next_{0};
  base::Atomic<uint32_t> serving_{0};
  cpu::InterruptState before_{};  // the holder's
};

// From now on nobody waits for a lock: its holder may have been stopped. For a panic.
void break_spin_locks();

}  // namespace kernel
