// traps.h: exception vectors of this CPU. What happens then is the kernel's (kernel/seam/traps.h).
#pragma once

namespace cpu {

// Loads this CPU's vectors (IDT and the emergency stacks; VBAR_EL1) and the system call entry.
// From here on every trap saves a full TrapFrame and reaches one kernel::trap_* function.
// Interrupts stay masked. Requires init_per_cpu().
void init_traps();

}  // namespace cpu
