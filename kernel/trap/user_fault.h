// user_fault.h: what becomes of a program whose access or instruction was refused.
#pragma once

#include <cstdint>

#include "cpu/trap_frame.h"
#include "kernel/process/signal.h"
#include "kernel/seam/traps.h"
#include "vm/space/requests.h"

namespace kernel {

// A fault as a signal tells it (siginfo_t).
struct FaultSignal {
  Signal signal;
  int32_t code;        // signal_code, 0: none
  uint64_t address;    // si_addr
  const char* reason;  // for people
};

// What an address space's refusal means to the program. Memory that cannot be had is no error of
// the program's that it could catch: SIGKILL, as when Linux finds no other victim.
[[nodiscard]] FaultSignal signal_of(const FaultInfo& fault, vm::Refusal refusal);

// Both: the trap came from user mode, interrupts masked. The current thread gets a signal if its
// program catches it; if not, one line is logged and the program ends.
void refuse_exception(const cpu::TrapFrame& frame, const ExceptionInfo& info);
// The line also says what is mapped there, and the walk of the page table.
void refuse_user_fault(const cpu::TrapFrame& frame, const FaultInfo& fault, vm::Refusal refusal);

}  // namespace kernel
