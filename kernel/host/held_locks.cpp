#include "kernel/host/held_locks.h"

#include "base/utility.h"
#include "kernel/host/spin_lock.h"
#include "kernel/log/panic.h"

namespace kernel {

namespace {

const char* name_of(LockRank rank) {
  switch (rank) {
    case LockRank::self_test: return "self-test";
    case LockRank::console_input: return "console input";
    case LockRank::console_device: return "console device";
    case LockRank::mounts: return "mounts";
    case LockRank::schemes: return "schemes";
    case LockRank::paths: return "paths";
    case LockRank::file_table: return "file table";
    case LockRank::pipe: return "pipe";
    case LockRank::program_break: return "program break";
    case LockRank::futexes: return "futexes";
    case LockRank::loan: return "loan";
    case LockRank::mappers: return "mappers";
    case LockRank::space: return "address space";
    case LockRank::rehearsal: return "rehearsal";
    case LockRank::serving_queues: return "serving queues";
    case LockRank::daemon_objects: return "daemons' objects";
    case LockRank::daemon_queue: return "daemon's queue";
    case LockRank::file_objects: return "file objects";
    case LockRank::object: return "object";
    case LockRank::processes: return "processes";
    case LockRank::kernel_map: return "kernel map";
    case LockRank::heap: return "heap";
    case LockRank::wait_queue: return "wait queue";
    case LockRank::thread: return "thread";
    case LockRank::run_queue: return "run queue";
    case LockRank::ended_threads: return "ended threads";
    case LockRank::tlb: return "TLB tags";
    case LockRank::allocator: return "frame allocator";
    case LockRank::random: return "random numbers";
    case LockRank::host_name: return "host name";
    case LockRank::console_output: return "console output";
    case LockRank::screen: return "screen";
    case LockRank::timers: return "timers";
  }
  return "unknown";
}

}  // namespace

void HeldLocks::out_of_order(LockRank held, LockRank taken) {
  if (!spin_locks_are_broken()) {
    panic("lock order: %s taken with %s held", name_of(taken), name_of(held));
  }
}

// `count_` is less by one already.
void HeldLocks::remove_from_middle(const void* lock) {
  Held next = held_[count_ % most];
  for (uint32_t i = count_; i-- > 0 && next.lock != lock;) {
    next = base::exchange(held_[i % most], next);
  }
}

}  // namespace kernel
