// timer_calls.cpp: timers that end in signals.
#include "kernel/process/interval_timer.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint64_t ns_per_microsecond = 1000;

struct TimeValue {
  int64_t seconds;
  int64_t microseconds;
};

// struct itimerval
struct IntervalValue {
  TimeValue interval;
  TimeValue value;
};

bool is_valid(const TimeValue& time) {
  return time.seconds >= 0 && time.microseconds >= 0 && time.microseconds < 1'000'000;
}

uint64_t ns_of(const TimeValue& time) {
  constexpr uint64_t longest = INT64_MAX;
  return uint64_t(time.seconds) >= longest / ns_per_second
             ? longest
             : uint64_t(time.seconds) * ns_per_second +
                   uint64_t(time.microseconds) * ns_per_microsecond;
}

TimeValue time_of(uint64_t ns) {
  return {int64_t(ns / ns_per_second), int64_t(ns % ns_per_second / ns_per_microsecond)};
}

IntervalValue value_of(const TimerSetting& setting) {
  return {time_of(setting.interval), time_of(setting.value)};
}

constexpr int32_t kind_count = 3;

}  // namespace

CallResult getitimer(const CallArguments& arguments) {
  const int32_t kind = arguments.integer(0);
  if (kind < 0 || kind >= kind_count) {
    return Errno::invalid;
  }
  TimerSetting setting;
  {
    const base::Guard guard(process_lock);
    setting = arguments.process.timers.get(TimerKind(kind));
  }
  return write_user(arguments.address(1), value_of(setting));
}

CallResult setitimer(const CallArguments& arguments) {
  const int32_t kind = arguments.integer(0);
  IntervalValue given{};
  if (arguments.value[1] != 0) {
    const auto read = read_user<IntervalValue>(arguments.address(1));
    if (!read) {
      return read.error();
    }
    given = read.value();
    if (!is_valid(given.value) || !is_valid(given.interval)) {
      return Errno::invalid;
    }
  }
  if (kind < 0 || kind >= kind_count) {
    return Errno::invalid;
  }
  TimerSetting before;
  {
    const base::Guard guard(process_lock);
    before =
        arguments.process.timers.set(TimerKind(kind), {ns_of(given.value), ns_of(given.interval)});
  }
  return arguments.value[2] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(2), value_of(before)));
}

CallResult alarm(const CallArguments& arguments) {
  const uint64_t seconds = arguments.value[0] & 0xffff'ffff;
  const base::Guard guard(process_lock);
  const TimerSetting before =
      arguments.process.timers.set(TimerKind::real, {seconds * ns_per_second, 0});
  // Rounded, but what is left of a timer is not nothing.
  const uint64_t rounded = (before.value + ns_per_second / 2) / ns_per_second;
  return rounded == 0 && before.value != 0 ? uint64_t(1) : rounded;
}

}  // namespace kernel::calls
