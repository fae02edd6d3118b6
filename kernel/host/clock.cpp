#include "kernel/host/clock.h"

#include "base/atomic.h"
#include "cpu/timer.h"
#include "kernel/host/boot_info.h"

namespace kernel {

namespace {
// By how much the clock was set, modulo 2^64: before it is set the boot loader's word counts.
base::Atomic<uint64_t> correction{0};

uint64_t firmware_clock_ns() {
  const int64_t at_boot = boot_info().wall_clock_seconds;
  return at_boot > 0 ? uint64_t(at_boot) * 1'000'000'000 : 0;
}
}  // namespace

uint64_t wall_clock_at_boot_ns() {
  return firmware_clock_ns() + correction.load<base::Order::relaxed>();
}

void set_wall_clock_at_boot_ns(uint64_t ns) {
  correction.store<base::Order::relaxed>(ns - firmware_clock_ns());
}

uint64_t wall_clock_ns() {
  return wall_clock_at_boot_ns() + cpu::monotonic_ns();
}

}  // namespace kernel
