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
  int32_t code;        // si_code: SEGV_MAPERR 1, SEGV_ACCERR 2, BUS_ADRERR 2; 0: none
  uint64_t address;    // si_addr
  const char* reason;  // for people
};

// What an address space's refusal means to the program. Memory that cannot be had is no error of
// the program's that it could catch: SIGKILL, as when Linux finds no other victim.
[[nodiscard]] FaultSignal signal_of(const FaultInfo& fault, vm::Refusal refusal);

// Logs one line and ends the current program with 128 + signal. The trap came from user mode.
[[noreturn]] void kill_for_exception(const cpu::TrapFrame& frame, const ExceptionInfo& info);
// The line also says what is mapped there, and the walk of the page table.
[[noreturn]] void refuse_user_fault(const cpu::TrapFrame& frame, const FaultInfo& fault,
                                    vm::Refusal refusal);

}  // namespace kernel
