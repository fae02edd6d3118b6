#include "kernel/host/spin_lock.h"

#include "kernel/memory/shootdown.h"

namespace kernel {

namespace {
constinit base::Atomic<uint32_t> broken{0};
}

void SpinLock::wait_for(uint32_t turn) {
  while (serving_.load<base::Order::acquire>() != turn) {
    if (broken.load<base::Order::relaxed>() != 0) {
      return;
    }
    cpu::pause();
    serve_shootdowns();
  }
}

void break_spin_locks() {
  broken.store<base::Order::release>(1);
}

}  // namespace kernel
