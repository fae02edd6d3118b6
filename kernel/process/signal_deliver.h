// signal_deliver.h: signals arriving: defaults are carried out, handlers called and returned from.
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/process/signal.h"
#include "kernel/process/signal_state.h"

namespace kernel {

class Thread;

// One step on the current thread's way to user mode with the registers of `frame`: parks, or lets
// one handler run, or carries out defaults, or, with nothing left to do, settles what the
// interrupted call returns and takes the attention back. To be repeated while Attention::signal
// is called. May not return. Interrupts on, no lock held.
void deliver_signals(cpu::TrapFrame& frame);

// What a call that was interrupted returns, to a thread whose handlers have not run: it is made
// again. `frame` may be a copy of the registers of `thread`.
void settle_call(const Thread& thread, cpu::TrapFrame& frame);

// The handler that the current thread runs is done: puts back what its frame says. False: there is
// no such frame; the thread has been sent SIGSEGV.
[[nodiscard]] bool return_from_handler(cpu::TrapFrame& frame);

// The current thread did `info` by its own instruction. True: a handler will run. False: the
// program blocks or ignores the signal or has no handler for it: the caller says so and ends it.
[[nodiscard]] bool raise_fault(const SignalInfo& info, const LastFault& fault);

}  // namespace kernel
