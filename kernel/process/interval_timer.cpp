#include "kernel/process/interval_timer.h"

#include "base/utility.h"
#include "cpu/timer.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_send.h"

namespace kernel {

uint64_t IntervalTimers::now(TimerKind kind) const {
  if (kind == TimerKind::real) {
    return cpu::monotonic_ns();
  }
  const CpuTimes times = owner_.times();
  return kind == TimerKind::virtual_time ? times.user : times.user + times.system;
}

TimerSetting IntervalTimers::get(TimerKind kind) {
  const State& state = states_[unsigned(kind)];
  if (state.expiry == 0) {
    return {};
  }
  const uint64_t moment = now(kind);
  // About to expire is not off.
  return {state.expiry > moment ? state.expiry - moment : 1000, state.interval};
}

TimerSetting IntervalTimers::set(TimerKind kind, TimerSetting setting) {
  const TimerSetting before = get(kind);
  State& state = states_[unsigned(kind)];
  state = {};
  if (setting.value != 0) {
    const uint64_t moment = now(kind);
    state.expiry = setting.value < ~0ULL - moment ? moment + setting.value : ~0ULL;
    state.interval = setting.interval;
  }
  if (kind != TimerKind::real) {
    counts_processor_time_.store<base::Order::relaxed>(
        states_[unsigned(TimerKind::virtual_time)].expiry != 0 ||
                states_[unsigned(TimerKind::profile)].expiry != 0
            ? 1
            : 0);
  } else if (state.expiry != 0 && state.expiry != ~0ULL) {
    alarm_.start(Deadline::at_ns(state.expiry));
  }
  return before;
}

bool IntervalTimers::expire(TimerKind kind) {
  State& state = states_[unsigned(kind)];
  const uint64_t moment = now(kind);
  if (state.expiry == 0 || moment < state.expiry) {
    return false;
  }
  // Times that nobody could be told of are left out.
  state.expiry =
      state.interval == 0
          ? 0
          : state.expiry + ((moment - state.expiry) / state.interval + 1) * state.interval;
  return true;
}

// A timer that was moved or turned off since it was started finds nothing expired.
void IntervalTimers::ring(void* self, Timer& timer) {
  auto& timers = *static_cast<IntervalTimers*>(self);
  const base::Guard guard(process_lock);
  if (!timers.expire(TimerKind::real)) {
    return;
  }
  if (const uint64_t next = timers.states_[unsigned(TimerKind::real)].expiry; next != 0) {
    timer.start(Deadline::at_ns(next));
  }
  (void)send_signal_locked(timers.owner_, SignalInfo::from(Signal::alarm, signal_code::kernel, 0));
}

void IntervalTimers::account() {
  if (counts_processor_time_.load<base::Order::relaxed>() == 0) {
    return;
  }
  const base::Guard guard(process_lock);
  if (expire(TimerKind::virtual_time)) {
    (void)send_signal_locked(owner_,
                             SignalInfo::from(Signal::virtual_alarm, signal_code::kernel, 0));
  }
  if (expire(TimerKind::profile)) {
    (void)send_signal_locked(owner_, SignalInfo::from(Signal::profile, signal_code::kernel, 0));
  }
}

}  // namespace kernel
