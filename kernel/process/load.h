// load.h: how many threads wanted to run, averaged over 1, 5 and 15 minutes, as /proc/loadavg and
// sysinfo() tell it. Sampled every 5 seconds.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace kernel {

// Fixed point: this is 1.
inline constexpr uint64_t load_one = 1u << 11;

struct Load {
  uint64_t average[3];
};

// Once, with timers running. Error::out_of_memory.
[[nodiscard]] base::Status start_load_sampling();
[[nodiscard]] Load load();

}  // namespace kernel
