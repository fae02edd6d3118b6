// lock_rank.h: the order in which a CPU takes spin locks (docs/kernel.md has the reasons).
#pragma once

#include <cstdint>

#include "base/lock.h"

namespace kernel {

// A lock may be taken only while every lock that the CPU holds comes before it; among equals by
// ascending address.
enum class LockRank : uint8_t {
  self_test,
  console_input,
  console_device,
  processes,
  mounts,
  schemes,
  paths,
  file_table,
  pipe,
  program_break,
  futexes,
  loan,
  mappers,
  space,
  rehearsal,
  serving_queues,
  daemon_objects,
  daemon_queue,
  file_objects,
  object,
  kernel_map,
  heap,
  wait_queue,
  thread,
  run_queue,
  ended_threads,
  tlb,
  allocator,
  random,
  host_name,
  console_output,
  screen,
  timers,
};

// Of a lock inside libvm.
[[nodiscard]] constexpr LockRank rank_of(base::LockRank rank) {
  switch (rank) {
    case base::LockRank::loan: return LockRank::loan;
    case base::LockRank::mappers: return LockRank::mappers;
    case base::LockRank::space: return LockRank::space;
    case base::LockRank::rehearsal: return LockRank::rehearsal;
    case base::LockRank::tlb: return LockRank::tlb;
    case base::LockRank::allocator: return LockRank::allocator;
    default: return LockRank::object;
  }
}

}  // namespace kernel
