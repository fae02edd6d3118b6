#include "kernel/memory/fail_nth.h"

#include "kernel/host/cpu_local.h"
#include "kernel/process/thread.h"

namespace kernel {

void fail_allocation(uint64_t nth) {
  cpu_local().thread->fail_nth = nth;
}

uint64_t allocations_until_failure() {
  return cpu_local().thread->fail_nth;
}

bool refuse_allocation() {
  Thread* thread = cpu_local().thread;
  return thread != nullptr && thread->fail_nth != 0 && --thread->fail_nth == 0;
}

}  // namespace kernel
