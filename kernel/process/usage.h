// usage.h: what threads and processes have used beside processor time (getrusage, wait4).
#pragma once

#include <cstdint>

#include "base/utility.h"

namespace kernel {

class UserSpace;

struct ResourceUsage {
  uint64_t minor_faults = 0;  // answered from memory
  uint64_t major_faults = 0;  // waited for a pager
  uint64_t peak_pages = 0;    // brought in; the largest of several spaces
  uint64_t voluntary_switches = 0;
  uint64_t involuntary_switches = 0;

  void add(const ResourceUsage& other) {
    minor_faults += other.minor_faults;
    major_faults += other.major_faults;
    peak_pages = base::max(peak_pages, other.peak_pages);
    voluntary_switches += other.voluntary_switches;
    involuntary_switches += other.involuntary_switches;
  }
};

// What the faults of a space amount to. Takes no lock.
[[nodiscard]] ResourceUsage usage_of(UserSpace& space);

}  // namespace kernel
