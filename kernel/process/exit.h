// exit.h: how threads and processes end. Called on the thread that ends, with interrupts on and no
// lock held.
#pragma once

#include "kernel/process/process.h"

namespace kernel {

// Ends the current thread. The last one ends its process, with `code` unless it is ending with
// another status already.
[[noreturn]] void exit_thread(uint8_t code);

// Ends the current process with `status`, every thread of it. The first such status counts.
[[noreturn]] void exit_process(WaitStatus status);

// What exit_thread() is to a thread that was told to end (Attention::kill).
[[noreturn]] void exit_killed_thread();

// Tells every thread of `process` to end; its status will be `status` if none is decided. From
// any context that may take process_lock.
void kill_process_locked(Process& process, WaitStatus status) BASE_REQUIRES(process_lock);

// Tells all threads of the current process but the current one to end and waits until they have.
// Error::interrupted: the process is ending, or another thread does the same; nothing changed.
[[nodiscard]] base::Status become_only_thread();

// What other threads were promised of the end of the current thread, `thread`: robust futexes are
// released, the word at clear_child_tid is zeroed and its waiter woken. At exit and execve.
void announce_end(Thread& thread);

// The child of vfork lets go of its parent's memory (execve, exit).
void release_vfork_parent(Process& child);

}  // namespace kernel
