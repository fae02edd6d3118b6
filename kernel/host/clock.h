// clock.h: the time of day.
#pragma once

#include <cstdint>

namespace kernel {

// Nanoseconds since 1970-01-01 UTC: the firmware's clock at boot plus monotonic time. Counts from
// 0 when the firmware had no clock.
[[nodiscard]] uint64_t wall_clock_ns();

}  // namespace kernel
