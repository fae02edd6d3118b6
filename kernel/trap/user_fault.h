// user_fault.h: ending a program for what it did.
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/process/signal.h"
#include "kernel/seam/traps.h"

namespace kernel {

// Logs one line and ends the current program with 128 + signal. The trap came from user mode.
[[noreturn]] void kill_for_exception(const cpu::TrapFrame& frame, const ExceptionInfo& info);
// `reason`: why the address space refused; the line also says what is mapped there and the walk.
[[noreturn]] void kill_for_fault(const cpu::TrapFrame& frame, const FaultInfo& fault,
                                 const char* reason);

}  // namespace kernel
