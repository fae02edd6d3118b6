// signal_send.h: signals on their way to threads, processes and groups.
//
// A signal that its receiver ignores is dropped at once. One for a process goes to a thread of it
// that does not block it, or waits until there is one. SIGKILL, and what ends a process by default,
// ends it here; the rest is done by the receiver on its way back to user mode. Processes 0 and 1
// receive nothing. From any context that may take process_lock.
#pragma once

#include "base/result.h"
#include "kernel/process/process_table.h"
#include "kernel/process/signal.h"

namespace kernel {

// To whatever thread of the process. Error::would_block: a real-time signal with something to tell,
// and too many are waiting; anything else is at least noted.
base::Status send_signal_locked(Process& process, const SignalInfo& info)
    BASE_REQUIRES(process_lock);
// To this thread alone. The same errors.
base::Status send_signal_locked(Thread& thread, const SignalInfo& info) BASE_REQUIRES(process_lock);
// To every process of the group; false: there is none.
bool send_signal_to_group_locked(uint32_t group, const SignalInfo& info)
    BASE_REQUIRES(process_lock);

// Takes back every `signal` that is pending in `process`.
void forget_signal(Process& process, Signal signal) BASE_REQUIRES(process_lock);

// From the kernel, as terminals and devices do.
void send_signal_to_group(uint32_t group, Signal signal);
void send_signal_to_process(Process& process, Signal signal);
// To the current process and thread: what a call did that a program should hear of (SIGPIPE).
void send_signal_to_current(Signal signal);

// Whether the current thread would not notice `signal`: it is blocked or ignored.
[[nodiscard]] bool current_ignores_or_blocks(Signal signal);
// Whether nobody of the group has a parent in the same session outside the group who could continue
// it: its stop signals from terminals are void.
[[nodiscard]] bool is_group_orphaned(uint32_t group);

}  // namespace kernel
