// time_values.h: how programs and system calls speak of time.
#pragma once

#include <cstdint>

#include "base/bits.h"
#include "kernel/syscall/outcome.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

inline constexpr uint64_t ns_per_second = 1'000'000'000;

// struct timespec.
struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};

// struct timeval.
struct TimeValue {
  int64_t seconds;
  int64_t microseconds;
};

[[nodiscard]] constexpr TimeSpec time_spec(uint64_t ns) {
  return {int64_t(ns / ns_per_second), int64_t(ns % ns_per_second)};
}
[[nodiscard]] constexpr TimeValue time_value(uint64_t ns) {
  return {int64_t(ns / ns_per_second), int64_t(ns % ns_per_second / 1000)};
}

// Nanoseconds; what would not fit is the longest time there is. EINVAL: negative, or a fraction of
// a second or more.
[[nodiscard]] constexpr Outcome<uint64_t> nanoseconds_of(const TimeSpec& time) {
  if (time.seconds < 0 || uint64_t(time.nanoseconds) >= ns_per_second) {
    return Errno::invalid;
  }
  constexpr int64_t longest = INT64_MAX / int64_t(ns_per_second) - 1;
  return uint64_t(base::min(time.seconds, longest)) * ns_per_second + uint64_t(time.nanoseconds);
}

// The timespec at `from`. EFAULT, EINVAL.
[[nodiscard]] inline Outcome<uint64_t> read_time(base::UserAddr from) {
  BASE_TRY_ASSIGN(const TimeSpec time, read_user<TimeSpec>(from));
  return nanoseconds_of(time);
}

}  // namespace kernel
