// ipi.h: interrupting another CPU.
#pragma once

#include <cstdint>

#include "cpu/per_cpu.h"

namespace cpu {

enum class Ipi : uint8_t {
  reschedule,  // look at the run queue
  shootdown,   // carry out what others ask for (kernel/memory/shootdown.h)
  stop,        // stop for good; reaches a CPU that masks interrupts where the machine can (NMI)
};

// Arrives as kernel::trap_ipi() (x86_64: `stop` as kernel::trap_nmi()) on the CPU whose block is
// `to`, which has been started. What was written before is seen there. Interrupts masked.
void send_ipi(const PerCpu& to, Ipi which);

}  // namespace cpu
