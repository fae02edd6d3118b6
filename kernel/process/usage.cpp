#include "kernel/process/usage.h"

#include "kernel/memory/user_space.h"

namespace kernel {

ResourceUsage usage_of(UserSpace& space) {
  const vm::FaultCounters faults = space.vm().fault_counters();
  ResourceUsage usage;
  usage.minor_faults = faults.zero + faults.fresh + faults.copied + faults.reused + faults.object;
  usage.major_faults = faults.waited;
  usage.peak_pages = faults.zero + faults.fresh + faults.copied + faults.object + faults.around;
  return usage;
}

}  // namespace kernel
