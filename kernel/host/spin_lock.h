// spin_lock.h: mutual exclusion between CPUs and against this CPU's interrupt handlers.
//
// Interrupts are masked while it is held, and their state before is put back: it may be taken in
// any context but NMI. Not recursive. Taken through base::Guard. Never held while user memory is
// touched or anything is waited for.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "cpu/cpu.h"

namespace kernel {

class BASE_CAPABILITY("spin lock") SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void acquire() BASE_ACQUIRE() {
    const cpu::InterruptState before = cpu::mask_interrupts();
    while (taken_.exchange<base::Order::acquire>(1) != 0) {
      do {
        cpu::pause();
      } while (taken_.load<base::Order::relaxed>() != 0);
    }
    before_ = before;
  }
  void release() BASE_RELEASE() {
    const cpu::InterruptState before = before_;
    taken_.store<base::Order::release>(0);
    cpu::restore_interrupts(before);
  }

 private:
  base::Atomic<uint32_t> taken_{0};
  cpu::InterruptState before_{};  // the holder's
};

}  // namespace kernel
