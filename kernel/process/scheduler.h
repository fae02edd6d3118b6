// scheduler.h: which thread runs where.
//
// Each CPU has a queue of ready threads, served in turn; a time slice is one tick. The kernel is
// not preemptive: a switch happens when a thread blocks, yields or ends, and on the way back to
// user mode (kernel/trap/return.h). So kernel code never migrates unawares, and what is per CPU may
// be used without a lock between two waits.
//
// A thread that becomes ready goes to an idle CPU if there is one among those it may run on, the
// one it ran on before the others; else to the queue of the CPU it ran on. A CPU that has nothing
// to do takes from the longest queue before it sleeps; it has no tick then.
//
// Locks: a thread's run_lock_ guards its state; it is taken with interrupts masked and handed from
// the thread that leaves a CPU to the one that runs there next, so that nobody finds a thread whose
// stack is still in use. A queue's lock is taken inside it. Both are the innermost but for the
// log's.
#pragma once

#include "kernel/host/cpu_mask.h"
#include "kernel/memory/ref.h"

namespace kernel {

class Thread;

// How long a thread runs while others are ready.
inline constexpr uint64_t time_slice_ns = 10'000'000;

// Turns the boot flow of this CPU, on its own stack, into its idle thread, and runs what is
// ready there. `idle` is kept for good.
[[noreturn]] void start_scheduler(Ref<Thread> idle);

// The thread that runs. Never null once the scheduler has started.
[[nodiscard]] Thread& current_thread();

// Lets a new thread run, from now on.
void start_thread(Ref<Thread> thread);

// A waiting thread becomes ready; nothing happens to another. From any context but NMI.
void wake(Thread& thread);

// As wake(), and a thread that runs on another CPU looks at what calls for its attention at once.
void alert(Thread& thread);

// The three steps of a wait (wait_queue.h): announces that the current thread is about to block;
// blocks it, unless it was woken since; takes the announcement back.
void prepare_to_wait(Thread& thread);
void block_current();
void cancel_wait(Thread& thread);

// Lets others run; comes back in its turn.
void yield();

// From now on the thread runs on `cpus` only, of which one at least is online; where it is now it
// leaves at its next way back to user mode. No lock of the scheduler held.
void set_affinity(Thread& thread, CpuMask cpus);

// The current thread is about to end and waits for nothing any more: from now on settle_threads()
// waits for it. Before anyone else may learn of its end; once or more.
void expect_end();

// The current thread runs no more. Its own references and everything of its process have been
// given up; the reaper frees its stack.
[[noreturn]] void end_current_thread();

// Frees threads that have ended. Returns whether there were any.
bool reap_threads();

// Frees every thread that has ended or is just about to, on any CPU: for counts that must be exact.
// No lock held.
void settle_threads();

// From the timer interrupt, interrupts masked: charges time, arms this CPU's timer anew.
// `in_user_mode`: what was interrupted.
void scheduler_tick(bool in_user_mode);

// Brings the current thread's processor time up to date.
void charge_current_thread();

// Whether this CPU should switch before it returns to user mode.
[[nodiscard]] bool should_switch();

// Threads ready to run or running, on all CPUs, for load figures.
[[nodiscard]] uint32_t running_threads();

}  // namespace kernel
