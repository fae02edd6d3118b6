// limits.h: what a process may use (RLIMIT_*), by Linux's numbers.
#pragma once

#include <cstdint>

#include "kernel/fd/file_table.h"
#include "kernel/memory/user_space.h"
#include "kernel/process/process_table.h"

namespace kernel {

enum class Limit : uint8_t {
  processor_time = 0,
  file_size = 1,
  data = 2,
  stack = 3,
  core = 4,
  resident = 5,
  processes = 6,
  files = 7,
  locked_memory = 8,
  address_space = 9,
  file_locks = 10,
  pending_signals = 11,
  message_bytes = 12,
  nice = 13,
  realtime_priority = 14,
  realtime_time = 15,
  count = 16,
};

inline constexpr uint64_t no_limit = ~0ULL;

// The one that counts, and how far that may be raised.
struct Bound {
  uint64_t soft = no_limit;
  uint64_t hard = no_limit;
};

// A value; a process has one, which its children start with.
class Limits {
 public:
  constexpr Limits() {
    bound(Limit::stack) = {UserSpace::stack_size, no_limit};
    bound(Limit::core) = {0, no_limit};
    bound(Limit::processes) = {max_processes, max_processes};
    bound(Limit::files) = {FileTable::default_files, FileTable::max_files};
    bound(Limit::pending_signals) = {max_processes, max_processes};
    bound(Limit::locked_memory) = {UserSpace::lockable_size, UserSpace::lockable_size};
    bound(Limit::message_bytes) = {819200, 819200};
    bound(Limit::nice) = {0, 0};
    bound(Limit::realtime_priority) = {0, 0};
  }
  [[nodiscard]] constexpr const Bound& get(Limit which) const { return bounds_[unsigned(which)]; }
  constexpr void set(Limit which, const Bound& to) { bound(which) = to; }

  // Makes a space obey those that are about memory.
  void apply_to(UserSpace& space) const {
    vm::SpaceLimits limits = space.vm().limits();
    limits.mapped = pages(Limit::address_space);
    limits.committed = pages(Limit::data);
    limits.locked = pages(Limit::locked_memory);
    limits.stack = pages(Limit::stack);
    space.vm().set_limits(limits);
  }

 private:
  [[nodiscard]] constexpr Bound& bound(Limit which) { return bounds_[unsigned(which)]; }
  [[nodiscard]] constexpr base::PageCount pages(Limit which) const {
    return base::PageCount(get(which).soft >> base::page_shift);
  }

  Bound bounds_[unsigned(Limit::count)];
};

}  // namespace kernel
