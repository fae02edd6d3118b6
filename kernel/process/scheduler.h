// scheduler.h: which thread runs.
//
// One queue of ready threads, served in turn; a time slice is one tick. The kernel is not
// preemptive: a switch happens when a thread blocks, yields or ends, and on the way back to user
// mode (kernel/trap/return.h). So kernel code never migrates unawares, and what is per CPU may be
// used without a lock between two waits.
//
// The scheduler's lock is taken with interrupts masked and handed from the thread that switches
// away to the one that runs next. It is the innermost but for the log's.
#pragma once

#include "kernel/memory/ref.h"

namespace kernel {

class Thread;

// How long a thread runs while others are ready.
inline constexpr uint64_t time_slice_ns = 10'000'000;

// Turns the boot flow of this CPU, on its own stack, into its idle thread and switches to `first`.
[[noreturn]] void start_scheduler(Ref<Thread> first);

// The thread that runs. Never null once the scheduler has started.
[[nodiscard]] Thread& current_thread();

// Lets a new thread run, from now on.
void start_thread(Ref<Thread> thread);

// A waiting thread becomes ready; nothing happens to another. From any context but NMI.
void wake(Thread& thread);

// The three steps of a wait (wait_queue.h): announces that the current thread is about to block;
// blocks it, unless it was woken since; takes the announcement back.
void prepare_to_wait(Thread& thread);
void block_current();
void cancel_wait(Thread& thread);

// Lets others run; comes back in its turn.
void yield();

// The current thread runs no more. Its own references and everything of its process have been
// given up; the reaper frees its stack.
[[noreturn]] void end_current_thread();

// Frees threads that have ended. Returns whether there were any.
bool reap_threads();

// From the timer interrupt, interrupts masked. `in_user_mode`: what was interrupted.
void scheduler_tick(bool in_user_mode);

// Brings the current thread's processor time up to date.
void charge_current_thread();

// Whether this CPU should switch before it returns to user mode.
[[nodiscard]] bool should_switch();

// Threads ready to run or running, for load figures.
[[nodiscard]] uint32_t running_threads();

}  // namespace kernel
