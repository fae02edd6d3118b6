// execute.h: the current process becomes another program (execve).
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/process/image.h"

namespace kernel {

// On success `frame`, the current thread's user frame, starts the program, and nothing of the old
// one is left but its number, parent, group, files and what else execve keeps. Errors:
// load_image()'s, with the process as it was; EAGAIN: another thread ends or replaces the process.
[[nodiscard]] Outcome<> execute(Process& process, cpu::TrapFrame& frame, Text path,
                                StringList arguments, const StringList& environment);

}  // namespace kernel
