// time_calls.cpp: clocks and sleeping.
#include "cpu/timer.h"
#include "kernel/host/clock.h"
#include "kernel/process/moment.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/time_values.h"

namespace kernel::calls {

namespace {

enum : int32_t {
  clock_realtime = 0,
  clock_monotonic = 1,
  clock_process_cpu = 2,
  clock_thread_cpu = 3,
  clock_monotonic_raw = 4,
  clock_realtime_coarse = 5,
  clock_monotonic_coarse = 6,
  clock_boottime = 7,
  clock_tai = 11,
};

uint64_t sum(const CpuTimes& times) {
  return times.user + times.system;
}

uint64_t thread_time(const Thread& thread) {
  charge_current_thread();
  return sum(thread.times());
}
uint64_t process_time(const Process& process) {
  charge_current_thread();
  const base::Guard guard(process_lock);
  return sum(process.times());
}

// Negative numbers name the processor time of somebody: the complement of a number, shifted, then
// a bit for threads and two for the kind of time.
Outcome<uint64_t> read_cpu_clock(const CallArguments& arguments, int32_t clock) {
  enum : uint32_t { kind_all = 0, kind_user = 1, kind_scheduled = 2, of_thread = 4 };
  const auto id = uint32_t(~(clock >> 3));
  const uint32_t kind = uint32_t(clock) & 3;
  if (kind > kind_scheduled) {
    return Errno::invalid;
  }
  charge_current_thread();
  const base::Guard guard(process_lock);
  CpuTimes times;
  if (uint32_t(clock) & of_thread) {
    const Thread* thread = id == 0 ? &arguments.thread : find_thread_locked(id);
    if (thread == nullptr || &thread->process() != &arguments.process) {
      return Errno::invalid;
    }
    times = thread->times();
  } else {
    const Process* process = id == 0 ? &arguments.process : find_process_locked(id);
    if (process == nullptr) {
      return Errno::invalid;
    }
    times = process->times();
  }
  return kind == kind_user ? times.user : sum(times);
}

Outcome<uint64_t> read_clock(const CallArguments& arguments, int32_t clock) {
  switch (clock) {
    case clock_realtime:
    case clock_realtime_coarse:
    case clock_tai: return wall_clock_ns();
    case clock_monotonic:
    case clock_monotonic_raw:
    case clock_monotonic_coarse:
    case clock_boottime: return cpu::monotonic_ns();
    case clock_process_cpu: return process_time(arguments.process);
    case clock_thread_cpu: return thread_time(arguments.thread);
    default: break;
  }
  return clock < 0 ? read_cpu_clock(arguments, clock) : Outcome<uint64_t>(Errno::invalid);
}

// Until the moment has come, or Errno::restart.
Outcome<> sleep_till(const Moment& until) {
  const WaitResult result =
      wait_until(nullptr, WaitKind::interruptible, until, [] { return false; });
  return result == WaitResult::timed_out ? Outcome<>() : Outcome<>(Errno::restart);
}

CallResult sleep_for(Thread& thread, const Moment& until, base::UserAddr rest);

// restart_syscall() of an interrupted sleep: the moment, and where the rest goes.
CallResult go_on_sleeping(const CallArguments& arguments) {
  const uint64_t(&values)[4] = arguments.thread.restart.values;
  return sleep_for(arguments.thread, Moment::monotonic(values[0]), base::UserAddr(values[1]));
}

// Interrupted, tells how much is left and sleeps on if no handler runs.
CallResult sleep_for(Thread& thread, const Moment& until, base::UserAddr rest) {
  if (sleep_till(until)) {
    return uint64_t(0);
  }
  const uint64_t now = cpu::monotonic_ns();
  const uint64_t end = until.deadline().ns();
  if (end <= now) {
    return uint64_t(0);
  }
  if (rest.raw() != 0) {
    if (const auto written = write_user(rest, time_spec(end - now)); !written) {
      return written;
    }
  }
  thread.restart = {go_on_sleeping, {end, rest.raw()}};
  return Errno::restart_rest;
}

}  // namespace

CallResult clock_gettime(const CallArguments& arguments) {
  const auto now = read_clock(arguments, arguments.integer(0));
  return now ? CallResult(write_user(arguments.address(1), time_spec(now.value())))
             : CallResult(now.error());
}

CallResult clock_getres(const CallArguments& arguments) {
  const auto known = read_clock(arguments, arguments.integer(0));
  if (!known) {
    return known.error();
  }
  return arguments.value[1] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(1), TimeSpec{0, 1}));
}

CallResult clock_settime(const CallArguments& arguments) {
  const int32_t clock = arguments.integer(0);
  if (clock != clock_realtime) {
    const bool is_cpu_time = clock < 0 || clock == clock_process_cpu || clock == clock_thread_cpu;
    return is_cpu_time && read_clock(arguments, clock).ok() ? Errno::not_permitted : Errno::invalid;
  }
  const auto time = read_time(arguments.address(1));
  if (!time) {
    return time.error();
  }
  set_wall_clock(time.value());
  return uint64_t(0);
}

CallResult gettimeofday(const CallArguments& arguments) {
  struct Zone {
    int32_t minutes_west, summer_time;
  };
  if (arguments.value[0] != 0) {
    const auto written = write_user(arguments.address(0), time_value(wall_clock_ns()));
    if (!written) {
      return written;
    }
  }
  return arguments.value[1] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(1), Zone{0, 0}));
}

// The time zone is the programs' business: it is read and forgotten.
CallResult settimeofday(const CallArguments& arguments) {
  if (arguments.value[1] != 0) {
    const auto zone = read_user<uint64_t>(arguments.address(1));
    if (!zone) {
      return zone.error();
    }
  }
  if (arguments.value[0] == 0) {
    return uint64_t(0);
  }
  const auto time = read_user<TimeValue>(arguments.address(0));
  if (!time) {
    return time.error();
  }
  if (uint64_t(time.value().microseconds) >= 1'000'000) {
    return Errno::invalid;
  }
  const auto ns = nanoseconds_of({time.value().seconds, time.value().microseconds * 1000});
  if (!ns) {
    return ns.error();
  }
  set_wall_clock(ns.value());
  return uint64_t(0);
}

CallResult time(const CallArguments& arguments) {
  const uint64_t now = wall_clock_ns() / ns_per_second;
  if (arguments.value[0] != 0) {
    if (const auto written = write_user(arguments.address(0), now); !written) {
      return written;
    }
  }
  return now;
}

CallResult nanosleep(const CallArguments& arguments) {
  const auto duration = read_time(arguments.address(0));
  return duration
             ? sleep_for(arguments.thread, Moment::after_ns(duration.value()), arguments.address(1))
             : CallResult(duration.error());
}

CallResult clock_nanosleep(const CallArguments& arguments) {
  constexpr uint64_t absolute = 1;
  const int32_t clock = arguments.integer(0);
  if (!read_clock(arguments, clock).ok()) {
    return Errno::invalid;
  }
  const bool is_wall = clock == clock_realtime || clock == clock_tai;
  if (!is_wall && clock != clock_monotonic && clock != clock_boottime) {
    return Errno::not_supported;
  }
  const auto time = read_time(arguments.address(2));
  if (!time) {
    return time.error();
  }
  if ((arguments.value[1] & absolute) == 0) {
    return sleep_for(arguments.thread, Moment::after_ns(time.value()), arguments.address(3));
  }
  const auto slept =
      sleep_till(is_wall ? Moment::wall(time.value()) : Moment::monotonic(time.value()));
  return slept ? CallResult(uint64_t(0)) : CallResult(Errno::restart_without_handler);
}

CallResult times(const CallArguments& arguments) {
  constexpr uint64_t ns_per_tick = 10'000'000;  // USER_HZ is 100
  struct Ticks {
    int64_t user, system, children_user, children_system;
  };
  if (arguments.value[0] != 0) {
    charge_current_thread();
    CpuTimes own;
    CpuTimes children;
    {
      const base::Guard guard(process_lock);
      own = arguments.process.times();
      children = arguments.process.waited_children;
    }
    const Ticks ticks{int64_t(own.user / ns_per_tick), int64_t(own.system / ns_per_tick),
                      int64_t(children.user / ns_per_tick), int64_t(children.system / ns_per_tick)};
    if (const auto written = write_user(arguments.address(0), ticks); !written) {
      return written;
    }
  }
  return cpu::monotonic_ns() / ns_per_tick;
}

}  // namespace kernel::calls
