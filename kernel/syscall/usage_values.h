// usage_values.h: struct rusage.
#pragma once

#include "kernel/process/thread.h"
#include "kernel/process/usage.h"
#include "kernel/syscall/time_values.h"

namespace kernel {

struct UsageValue {
  TimeValue user, system;
  int64_t peak_kib;
  int64_t shared, data, stack;  // not kept, as on Linux
  int64_t minor_faults, major_faults;
  int64_t swaps, blocks_in, blocks_out, messages_sent, messages_received, signals;  // the same
  int64_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(UsageValue) == 144);

[[nodiscard]] inline UsageValue usage_value(const CpuTimes& times, const ResourceUsage& usage) {
  UsageValue value{};
  value.user = time_value(times.user);
  value.system = time_value(times.system);
  value.peak_kib = int64_t(usage.peak_pages * (base::page_size / 1024));
  value.minor_faults = int64_t(usage.minor_faults);
  value.major_faults = int64_t(usage.major_faults);
  value.voluntary_switches = int64_t(usage.voluntary_switches);
  value.involuntary_switches = int64_t(usage.involuntary_switches);
  return value;
}

}  // namespace kernel
