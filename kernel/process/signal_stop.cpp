#include "kernel/process/signal_stop.h"

#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_mask.h"
#include "kernel/process/signal_send.h"

namespace kernel {

namespace {

constexpr uint64_t ns_per_clock_tick = 10'000'000;  // USER_HZ is 100

// What a parent is told about `child`.
SignalInfo child_info(Process& child, Signal signal, int32_t code, uint32_t status)
    BASE_REQUIRES(process_lock) {
  SignalInfo info = SignalInfo::from(signal, code, child.id());
  const CpuTimes times = child.times();
  info.words[1] = status;
  info.words[2] = times.user / ns_per_clock_tick;
  info.words[3] = times.system / ns_per_clock_tick;
  return info;
}

void tell_parent_of_change(Process& child, int32_t code, Signal status)
    BASE_REQUIRES(process_lock) {
  Process& parent = *child.parent;
  if (parent.signals.actions) {
    const SignalAction& action = parent.signals.actions->of(Signal::child);
    if (action.handler != SignalAction::ignore &&
        (action.flags & action_flag::no_child_stop) == 0) {
      (void)send_signal_locked(parent, child_info(child, Signal::child, code, unsigned(status)));
    }
  }
  parent.child_events.wake_all();
}

bool is_completely_stopped(const Process& process) BASE_REQUIRES(process_lock) {
  return process.signals.is_stopped && process.thread_count != 0 &&
         process.signals.parked_threads == process.thread_count;
}

}  // namespace

void stop_process(Process& process, Signal why) {
  if (process.signals.is_stopped || process.is_exiting) {
    return;
  }
  process.signals.is_stopped = true;
  process.signals.stopped_by = why;
  update_attention(process);
}

void check_stop_complete(Process& process) {
  if (!is_completely_stopped(process) || process.stop_signal != 0 || process.is_exiting) {
    return;
  }
  process.stop_signal = uint32_t(process.signals.stopped_by);
  process.stop_unreported = true;
  process.continue_unreported = false;
  tell_parent_of_change(process, signal_code::child_stopped, process.signals.stopped_by);
}

void resume_process(Process& process) {
  if (!process.signals.is_stopped) {
    return;
  }
  process.signals.is_stopped = false;
  // A stop that was not complete is over before anybody heard of it.
  if (base::exchange(process.stop_signal, 0U) != 0) {
    process.stop_unreported = false;
    process.continue_unreported = true;
    tell_parent_of_change(process, signal_code::child_continued, Signal::resume);
  }
  process.signals.resumed.wake_all();
}

bool park_if_stopped(Thread& thread) {
  Process& process = thread.process();
  {
    const base::Guard guard(process_lock);
    if (!process.signals.is_stopped) {
      return false;
    }
    // Once it counts as parked others look at its registers, maybe before it has left its CPU.
    thread.save_user_registers();
    ++process.signals.parked_threads;
    check_stop_complete(process);
  }
  (void)wait_until(process.signals.resumed, WaitKind::killable, Deadline::never(), [&process] {
    const base::Guard guard(process_lock);
    return !process.signals.is_stopped;
  });
  const base::Guard guard(process_lock);
  --process.signals.parked_threads;
  return true;
}

Ref<Process> tell_parent_of_end(Process& process) {
  Process& parent = *process.parent;
  bool is_wanted = true;
  if (process.exit_signal != 0 && parent.signals.actions) {
    const auto signal = Signal(process.exit_signal);
    const SignalAction& action = parent.signals.actions->of(signal);
    const WaitStatus status = process.status;
    is_wanted = signal != Signal::child || (action.handler != SignalAction::ignore &&
                                            (action.flags & action_flag::no_child_wait) == 0);
    (void)send_signal_locked(parent,
                             child_info(process, signal,
                                        status.dumped()       ? signal_code::child_dumped
                                        : status.was_killed() ? signal_code::child_killed
                                                              : signal_code::child_exited,
                                        status.was_killed() ? status.signal() : status.code()));
  }
  parent.child_events.wake_all();
  return is_wanted ? Ref<Process>() : remove_process(process);
}

bool is_group_orphaned_locked(uint32_t group, const Process* leaving) {
  for (Process* at = nullptr; (at = next_in_table(at)) != nullptr;) {
    if (at->group != group || at == leaving || at->state != ProcessState::running ||
        at->parent == nullptr || at->parent == &init_process()) {
      continue;
    }
    if (at->parent->group != group && at->parent->session == at->session) {
      return false;
    }
  }
  return true;
}

void release_orphaned_group(Process& process, Process& parent, const Process* leaving) {
  const uint32_t group = process.group;
  if (parent.group == group || parent.session != process.session ||
      !is_group_orphaned_locked(group, leaving)) {
    return;
  }
  for (Process* at = nullptr; (at = next_in_table(at)) != nullptr;) {
    if (at->group == group && at->signals.is_stopped) {
      (void)send_signal_to_group_locked(group,
                                        SignalInfo::from(Signal::hangup, signal_code::kernel, 0));
      (void)send_signal_to_group_locked(group,
                                        SignalInfo::from(Signal::resume, signal_code::kernel, 0));
      return;
    }
  }
}

}  // namespace kernel
