// init.h: process 1, a part of the kernel: starts the first program, adopts and reaps orphans, ends
// the machine.
#pragma once

#include "kernel/host/text.h"

namespace kernel {

// Runs `line` by /bin/sh -c, or an interactive shell when there is no line, and powers off with its
// status. On process 1's thread.
[[noreturn]] void run_first_program(const Text* line);

// Waits for child `id` of process 1 and returns its status as a shell has it; reaps others and
// ended threads meanwhile. On process 1's thread.
[[nodiscard]] unsigned char wait_as_init(unsigned id);

}  // namespace kernel
