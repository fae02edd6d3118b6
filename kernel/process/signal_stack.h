// signal_stack.h: the stack that a thread gives its signal handlers.
#pragma once

#include "kernel/process/signal_state.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

class Thread;

// Gives the current thread, whose stack pointer in user mode is `sp`, another one. Errors: EPERM:
// it runs on the one it has; EINVAL: unknown flags; ENOMEM: too small.
[[nodiscard]] Outcome<> set_alternate_stack(Thread& thread, const AlternateStack& stack,
                                            uint64_t sp);

}  // namespace kernel
