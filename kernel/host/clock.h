// clock.h: the time of day.
#pragma once

#include <cstdint>

namespace kernel {

// Nanoseconds since 1970-01-01 UTC: the firmware's clock at boot plus monotonic time. Counts from
// 0 when the firmware had no clock.
[[nodiscard]] uint64_t wall_clock_ns();

// What that clock showed when monotonic time was 0. Setting it sets the clock
// (set_wall_clock() in kernel/process/moment.h tells those who wait).
[[nodiscard]] uint64_t wall_clock_at_boot_ns();
void set_wall_clock_at_boot_ns(uint64_t ns);

}  // namespace kernel
