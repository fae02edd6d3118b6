#include "kernel/host/clock.h"

#include "cpu/timer.h"
#include "kernel/host/boot_info.h"

namespace kernel {

uint64_t wall_clock_ns() {
  const int64_t at_boot = boot_info().wall_clock_seconds;
  return (at_boot > 0 ? uint64_t(at_boot) * 1'000'000'000 : 0) + cpu::monotonic_ns();
}

}  // namespace kernel
