#include "kernel/process/signal_send.h"

#include "kernel/process/exit.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_mask.h"
#include "kernel/process/signal_stop.h"

namespace kernel {

namespace {

Thread* next_thread(Process& process, Thread* after) BASE_REQUIRES(process_lock) {
  return after == nullptr ? process.threads.front() : process.threads.next(*after);
}

void drop_everywhere(Process& process, SignalSet signals) BASE_REQUIRES(process_lock) {
  process.signals.pending.drop(signals);
  for (Thread* at = nullptr; (at = next_thread(process, at)) != nullptr;) {
    at->signals.pending.drop(signals);
  }
}

bool receives_signals(const Process& process) BASE_REQUIRES(process_lock) {
  return process.signals.actions && process.state == ProcessState::running && !process.is_exiting;
}

// Stops and continuations take each other back, whether or not they are delivered themselves.
void cancel_opposites(Process& process, Signal signal) BASE_REQUIRES(process_lock) {
  if (stop_signals.has(signal)) {
    drop_everywhere(process, SignalSet::of(Signal::resume));
  } else if (signal == Signal::resume) {
    drop_everywhere(process, stop_signals);
    resume_process(process);
  }
}

bool takes(const Thread& thread, Signal signal) BASE_REQUIRES(process_lock) {
  return !thread.signals.blocked.has(signal) || thread.signals.awaited.has(signal);
}

// Whoever would be asked first: the thread that has the process's number.
Thread* first_thread(Process& process) BASE_REQUIRES(process_lock) {
  for (Thread* at = nullptr; (at = next_thread(process, at)) != nullptr;) {
    if (at->id() == process.id()) {
      return at;
    }
  }
  return process.threads.front();
}

// The thread that will take a signal for the process; nullptr: all block it. One that has been
// called already takes everything it can, but another is likely to be quicker.
Thread* choose_receiver(Process& process, Signal signal) BASE_REQUIRES(process_lock) {
  Thread* first = first_thread(process);
  if (first != nullptr && takes(*first, signal) && !first->has_attention(Attention::signal)) {
    return first;
  }
  Thread* called = nullptr;
  for (Thread* at = nullptr; (at = next_thread(process, at)) != nullptr;) {
    if (takes(*at, signal)) {
      if (!at->has_attention(Attention::signal)) {
        return at;
      }
      called = at;
    }
  }
  return called;
}

bool is_ignored(Process& process, const Thread* target, Signal signal) BASE_REQUIRES(process_lock) {
  if (target != nullptr &&
      (target->signals.blocked.has(signal) || target->signals.awaited.has(signal))) {
    return false;  // it may be taken, or get another action, before it is unblocked
  }
  return process.signals.actions->of(signal).ignores(signal);
}

// Ends the process without further ado: nothing is to be run or written for it.
bool ends_at_once(Process& process, const Thread& receiver, Signal signal)
    BASE_REQUIRES(process_lock) {
  if (signal == Signal::kill) {
    return true;
  }
  return process.signals.actions->of(signal).handler == SignalAction::by_default &&
         !(harmless_signals | stop_signals | core_signals).has(signal) &&
         !receiver.signals.blocked.has(signal) && !process.signals.is_stopped;
}

// `target`: the only thread that may take it; nullptr: any.
base::Status send(Process& process, Thread* target, const SignalInfo& info)
    BASE_REQUIRES(process_lock) {
  const Signal signal = info.signal();
  if (!receives_signals(process)) {
    return {};
  }
  cancel_opposites(process, signal);
  const Thread* asked = target != nullptr ? target : first_thread(process);
  if (is_ignored(process, asked, signal)) {
    return {};
  }
  Thread* receiver = target == nullptr        ? choose_receiver(process, signal)
                     : takes(*target, signal) ? target
                                              : nullptr;
  if (signal == Signal::kill || (receiver != nullptr && ends_at_once(process, *receiver, signal))) {
    kill_process_locked(process, WaitStatus::killed(unsigned(signal)));
    return {};
  }
  BASE_TRY((target != nullptr ? target->signals.pending : process.signals.pending).add(info));
  if (receiver != nullptr) {
    update_attention(*receiver);
  }
  return {};
}

}  // namespace

base::Status send_signal_locked(Process& process, const SignalInfo& info) {
  return send(process, nullptr, info);
}

base::Status send_signal_locked(Thread& thread, const SignalInfo& info) {
  return send(thread.process(), &thread, info);
}

bool send_signal_to_group_locked(uint32_t group, const SignalInfo& info) {
  bool any = false;
  for (Process* at = nullptr; (at = next_in_table(at)) != nullptr;) {
    if (at->group == group) {
      any = true;
      (void)send(*at, nullptr, info);
    }
  }
  return any;
}

void send_signal_to_group(uint32_t group, Signal signal) {
  const base::Guard guard(process_lock);
  (void)send_signal_to_group_locked(group, SignalInfo::from(signal, signal_code::kernel, 0));
}

void send_signal_to_process(Process& process, Signal signal) {
  const base::Guard guard(process_lock);
  (void)send(process, nullptr, SignalInfo::from(signal, signal_code::kernel, 0));
}

void send_signal_to_current(Signal signal) {
  const base::Guard guard(process_lock);
  Thread& thread = current_thread();
  (void)send(thread.process(), &thread,
             SignalInfo::from(signal, signal_code::user, thread.process().id()));
}

bool current_ignores_or_blocks(Signal signal) {
  const base::Guard guard(process_lock);
  Thread& thread = current_thread();
  const Ref<SignalActions>& actions = thread.process().signals.actions;
  return !actions || thread.signals.blocked.has(signal) ||
         actions->of(signal).handler == SignalAction::ignore;
}

bool is_group_orphaned(uint32_t group) {
  const base::Guard guard(process_lock);
  return is_group_orphaned_locked(group, nullptr);
}

void forget_signal(Process& process, Signal signal) {
  drop_everywhere(process, SignalSet::of(signal));
}

}  // namespace kernel
