#include "kernel/process/moment.h"

#include "cpu/timer.h"
#include "kernel/host/clock.h"

namespace kernel {

namespace {
[[clang::no_destroy]] constinit WaitQueue changes;
}

Moment Moment::after_ns(uint64_t duration) {
  const Deadline deadline = Deadline::after_ns(duration);
  return deadline.is_never() ? never() : monotonic(deadline.ns());
}

Deadline Moment::deadline() const {
  switch (kind_) {
    case Kind::never: break;
    case Kind::monotonic: return Deadline::at_ns(ns_);
    case Kind::wall: {
      const uint64_t boot = wall_clock_at_boot_ns();
      return Deadline::at_ns(ns_ > boot ? ns_ - boot : 0);
    }
  }
  return Deadline::never();
}

void set_wall_clock(uint64_t ns) {
  const uint64_t now = cpu::monotonic_ns();
  set_wall_clock_at_boot_ns(ns > now ? ns - now : 0);
  changes.wake_all();
}

WaitQueue& wall_clock_changes() {
  return changes;
}

}  // namespace kernel
