// quick_access.h: touching user memory where nothing may wait.
#pragma once

#include "cpu/cpu.h"
#include "kernel/host/cpu_local.h"

namespace kernel {

// While it lives this CPU's user accesses fail instead of bringing a page in: the one way to touch
// user memory with a spin lock held. What failed is tried again after the page was brought in by an
// ordinary access without the lock. Interrupts are masked. Does not nest.
class [[nodiscard]] QuickAccess {
 public:
  QuickAccess() { cpu_local().refuses_user_faults = true; }
  ~QuickAccess() { cpu_local().refuses_user_faults = false; }
  QuickAccess(const QuickAccess&) = delete;
  QuickAccess& operator=(const QuickAccess&) = delete;

 private:
  cpu::InterruptGuard masked_;
};

// By everything that touches user memory and may wait for it.
inline void check_no_lock_is_held() {
  BASE_DCHECK(cpu_local().held_locks.none() || cpu_local().refuses_user_faults,
              "user memory is touched with a spin lock held");
}

}  // namespace kernel
