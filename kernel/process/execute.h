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

// On the way to user mode: if the current process was given another space (Process::given_space),
// its other threads end and the current one goes on there. `frame` is its user frame.
void take_given_space(cpu::TrapFrame& frame);

}  // namespace kernel
