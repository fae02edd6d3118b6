// signal_mask.h: which signals a thread blocks, and whether it has to look for others.
#pragma once

#include "kernel/process/process_table.h"
#include "kernel/process/signal.h"

namespace kernel {

// What `thread` could be given now: pending for it or its process, and not blocked.
[[nodiscard]] SignalSet deliverable_signals(Thread& thread) BASE_REQUIRES(process_lock);

// Calls the thread's attention, and wakes it, if there is something for it to do before user mode
// (a signal, a stop); takes the call back if not.
void update_attention(Thread& thread) BASE_REQUIRES(process_lock);
// Of every thread of `process`: signals for the process need somebody to take them.
void update_attention(Process& process) BASE_REQUIRES(process_lock);

// The current thread blocks `blocked` from now on, but for what cannot be blocked. Returns what it
// blocked before.
SignalSet exchange_signal_mask(SignalSet blocked);

// For calls that wait under another mask (sigsuspend, ppoll). The mask before comes back on the way
// to user mode, after the handler that ends the wait if there is one, or by end_waiting_mask().
void begin_waiting_mask(SignalSet blocked);
// The wait has ended for another reason than a signal.
void end_waiting_mask();

}  // namespace kernel
