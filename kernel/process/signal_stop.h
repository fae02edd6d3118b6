// signal_stop.h: job control: stopping whole processes, continuing them, and what parents hear of
// their children.
#pragma once

#include "kernel/memory/ref.h"
#include "kernel/process/process_table.h"
#include "kernel/process/signal.h"

namespace kernel {

// Tells every thread of `process` to park on its way to user mode. The parent hears of it when the
// last one has.
void stop_process(Process& process, Signal why) BASE_REQUIRES(process_lock);
// Lets them go on (SIGCONT was sent).
void resume_process(Process& process) BASE_REQUIRES(process_lock);
// If its process is stopped, the current thread parks here until it is continued or killed. Returns
// whether it did. No lock held, interrupts on.
bool park_if_stopped(Thread& thread);
// A thread has left: the ones that remain may all be parked.
void check_stop_complete(Process& process) BASE_REQUIRES(process_lock);

// `process` has become a zombie: its parent gets its exit signal, and is woken. Returns the
// process, out of the table, if the parent has said that it will not ask for it.
[[nodiscard]] Ref<Process> tell_parent_of_end(Process& process) BASE_REQUIRES(process_lock);

// As is_group_orphaned() (signal_send.h), as if `leaving` were not there; nullptr: all count.
[[nodiscard]] bool is_group_orphaned_locked(uint32_t group, const Process* leaving)
    BASE_REQUIRES(process_lock);
// `process`, a zombie, has tied its own group to its parent's session; or `parent`, who ends, the
// group of `process`, its child. If nobody does any more and members are stopped, they get SIGHUP
// and go on.
void release_orphaned_group(Process& process, Process& parent, const Process* leaving)
    BASE_REQUIRES(process_lock);

}  // namespace kernel
