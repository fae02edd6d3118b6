// limit_calls.cpp: what a process may use and what it has used.
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/usage_values.h"

namespace kernel::calls {

namespace {

struct LimitValue {
  uint64_t soft, hard;
};

Outcome<> check(Limit which, const LimitValue& fresh, const Bound& now) {
  if (fresh.soft > fresh.hard) {
    return Errno::invalid;
  }
  // Nobody is privileged in this.
  if (fresh.hard > now.hard || (which == Limit::files && fresh.hard > FileTable::max_files)) {
    return Errno::not_permitted;
  }
  return {};
}

// `id` 0: the caller. Returns what the limit was.
Outcome<Bound> exchange(const CallArguments& arguments, int32_t id, int32_t which,
                        const LimitValue* fresh) {
  Bound before;
  Limits limits;
  Ref<UserSpace> space;
  {
    const base::Guard guard(process_lock);
    Process* process = id == 0  ? &arguments.process
                       : id < 0 ? nullptr
                                : find_process_locked(uint32_t(id));
    if (process == nullptr) {
      return Errno::no_process;
    }
    if (uint32_t(which) >= uint32_t(Limit::count)) {
      return Errno::invalid;
    }
    before = process->limits.get(Limit(which));
    if (fresh == nullptr) {
      return before;
    }
    BASE_TRY(check(Limit(which), *fresh, before));
    process->limits.set(Limit(which), {fresh->soft, fresh->hard});
    limits = process->limits;
    space = process->space_ref();
  }
  if (space) {
    limits.apply_to(*space);
  }
  return before;
}

}  // namespace

CallResult prlimit64(const CallArguments& arguments) {
  LimitValue fresh{};
  const bool changes = arguments.value[2] != 0;
  if (changes) {
    const auto read = read_user<LimitValue>(arguments.address(2));
    if (!read) {
      return read.error();
    }
    fresh = read.value();
  }
  const auto before =
      exchange(arguments, arguments.integer(0), arguments.integer(1), changes ? &fresh : nullptr);
  if (!before) {
    return before.error();
  }
  return arguments.value[3] == 0
             ? CallResult(uint64_t(0))
             : CallResult(write_user(arguments.address(3),
                                     LimitValue{before.value().soft, before.value().hard}));
}

CallResult getrlimit(const CallArguments& arguments) {
  const auto now = exchange(arguments, 0, arguments.integer(0), nullptr);
  return now ? CallResult(
                   write_user(arguments.address(1), LimitValue{now.value().soft, now.value().hard}))
             : CallResult(now.error());
}

CallResult setrlimit(const CallArguments& arguments) {
  const auto fresh = read_user<LimitValue>(arguments.address(1));
  if (!fresh) {
    return fresh.error();
  }
  const auto before = exchange(arguments, 0, arguments.integer(0), &fresh.value());
  return before ? CallResult(uint64_t(0)) : CallResult(before.error());
}

CallResult getrusage(const CallArguments& arguments) {
  enum : int32_t { of_children = -1, of_process = 0, of_thread = 1 };
  charge_current_thread();
  CpuTimes times;
  ResourceUsage usage;
  const Process& process = arguments.process;
  switch (arguments.integer(0)) {
    case of_children: {
      const base::Guard guard(process_lock);
      times = process.waited_children;
      usage = process.waited_usage;
      break;
    }
    case of_process: {
      usage = process.usage();
      const base::Guard guard(process_lock);
      times = process.times();
      break;
    }
    case of_thread: {
      // Faults are counted by space, not by thread.
      const ResourceUsage whole = process.usage();
      times = arguments.thread.times();
      usage = arguments.thread.switches();
      usage.minor_faults = whole.minor_faults;
      usage.major_faults = whole.major_faults;
      usage.peak_pages = whole.peak_pages;
      break;
    }
    default: return Errno::invalid;
  }
  return write_user(arguments.address(1), usage_value(times, usage));
}

}  // namespace kernel::calls
