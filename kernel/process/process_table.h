// process_table.h: every process by its number, and the lock of the tree.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/ref.h"

namespace kernel {

class Process;
class Thread;

// Guards the tree of processes: parents, children, groups, sessions, states, thread lists, pending
// signals. Taken before wait queues' locks and the scheduler's; nothing that may wait is done, and
// no file, space or user memory touched, under it.
extern SpinLock process_lock;

// The kernel's own process, number 0, and the one that starts everything, number 1.
[[nodiscard]] Process& kernel_process();
[[nodiscard]] Process& init_process();
// Makes both. Panics without memory.
void create_first_processes();

// Numbers of processes and threads are [2, max_ids), served in turn. As many processes may exist as
// memory allows, up to max_processes; so may threads.
inline constexpr uint32_t max_ids = 32768;
inline constexpr uint32_t max_processes = 12000;
inline constexpr uint32_t max_threads = 12000;

// A number that no process, thread, group or session has. Error::would_block: too many.
[[nodiscard]] base::Result<uint32_t> take_id() BASE_REQUIRES(process_lock);

// Puts a process with number `id` (0: its first thread's, taken here) into the table and among
// `parent`'s children; group and session are the parent's. The table takes the reference.
// Error::would_block: too many processes.
[[nodiscard]] base::Status add_process(Ref<Process> process, Process& parent, uint32_t id)
    BASE_REQUIRES(process_lock);
// Takes a zombie out; the caller gets the table's reference and drops it without the lock.
[[nodiscard]] Ref<Process> remove_process(Process& process) BASE_REQUIRES(process_lock);

// nullptr: there is none. Zombies are found.
[[nodiscard]] Process* find_process_locked(uint32_t id) BASE_REQUIRES(process_lock);
[[nodiscard]] Ref<Process> find_process(uint32_t id);
[[nodiscard]] Thread* find_thread_locked(uint32_t id) BASE_REQUIRES(process_lock);

// The process with the lowest number above `after`; for lists. nullptr: no more.
[[nodiscard]] Process* next_process_locked(uint32_t after) BASE_REQUIRES(process_lock);
// The next in no particular order, which takes no search; nullptr as `after`: the first.
[[nodiscard]] Process* next_in_table(const Process* after) BASE_REQUIRES(process_lock);
[[nodiscard]] uint32_t process_count() BASE_REQUIRES(process_lock);
[[nodiscard]] uint64_t processes_started() BASE_REQUIRES(process_lock);  // since the boot
[[nodiscard]] uint32_t thread_count() BASE_REQUIRES(process_lock);

// Adds a thread to its process, with `id` (0: a new number). Error::would_block: too many threads;
// Error::interrupted: the process is ending.
[[nodiscard]] base::Status add_thread(Thread& thread, uint32_t id) BASE_REQUIRES(process_lock);
// Returns whether it was the last.
bool remove_thread(Thread& thread) BASE_REQUIRES(process_lock);

}  // namespace kernel
