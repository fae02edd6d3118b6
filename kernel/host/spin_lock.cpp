#include "kernel/host/spin_lock.h"

#include "kernel/memory/shootdown.h"

namespace kernel {

namespace {

enum class Locks : uint8_t { whole, broken };
constinit base::Atomic<uint32_t> are_broken{0};

Locks spin() {
  cpu::pause();
  serve_shootdowns();
  return are_broken.load<base::Order::relaxed>() != 0 ? Locks::broken : Locks::whole;
}

}  // namespace

void SpinLock::wait() {
  // Tens of milliseconds. Where a hypervisor runs eight CPUs on two processors, every turn in the
  // queue waits until it runs just that CPU, and the queue must be worked off before those whom it
  // has kept waiting queue as well; else it never ends.
  constexpr unsigned patience = 1u << 20;
  for (unsigned i = 0; i < patience; ++i) {
    if (!has_queue() && taken_.load<base::Order::relaxed>() == 0 && try_take()) {
      return;
    }
    spin();
  }
  const uint32_t turn = next_.fetch_add<base::Order::relaxed>(1);
  while (serving_.load<base::Order::acquire>() != turn) {
    if (spin() == Locks::broken) {
      return;
    }
  }
  while (taken_.load<base::Order::relaxed>() != 0 || !try_take()) {
    if (spin() == Locks::broken) {
      return;
    }
  }
  serving_.store<base::Order::release>(turn + 1);
}

void break_spin_locks() {
  are_broken.store<base::Order::release>(1);
}

bool spin_locks_are_broken() {
  return are_broken.load<base::Order::relaxed>() != 0;
}

}  // namespace kernel
