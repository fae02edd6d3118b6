#include "kernel/process/signal_deliver.h"

#include "cpu/context.h"
#include "cpu/cpu.h"
#include "cpu/signal_frame.h"
#include "cpu/syscall_numbers.h"
#include "kernel/log/log.h"
#include "kernel/process/exit.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_mask.h"
#include "kernel/process/signal_stack.h"
#include "kernel/process/signal_stop.h"
#include "kernel/syscall/errno.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

// A signal that was taken, and what is to become of it.
struct Taken {
  SignalInfo info;
  SignalAction action;  // a handler, or the default: the end
};

SignalInfo take_next(Thread& thread, SignalSet from) BASE_REQUIRES(process_lock) {
  ThreadSignals& own = thread.signals;
  const SignalSet forced = own.forced & own.pending.set() & from;
  if (!forced.empty()) {
    own.forced.remove(forced.first());
    return own.pending.take(forced.first());
  }
  const SignalSet private_ones = own.pending.set() & from;
  if (!private_ones.empty()) {
    return own.pending.take(private_ones.first());
  }
  return thread.process().signals.pending.take(from.first());
}

enum class Step : uint8_t { take, park, done };

// What to do next. `taken` is set for Step::take.
Step next_step(Thread& thread, Taken& taken) BASE_REQUIRES(process_lock) {
  Process& process = thread.process();
  for (;;) {
    if (process.signals.is_stopped) {
      return Step::park;
    }
    const SignalSet deliverable = deliverable_signals(thread);
    if (deliverable.empty()) {
      update_attention(thread);
      return Step::done;
    }
    taken.info = take_next(thread, deliverable);
    const Signal signal = taken.info.signal();
    SignalAction& action = process.signals.actions->of(signal);
    taken.action = action;
    if (action.has_handler()) {
      if ((action.flags & action_flag::reset) != 0) {
        action.handler = SignalAction::by_default;
      }
      return Step::take;
    }
    if (action.ignores(signal)) {
      continue;
    }
    if (!stop_signals.has(signal)) {
      return Step::take;
    }
    if (signal == Signal::stop || !is_group_orphaned_locked(process.group, nullptr)) {
      stop_process(process, signal);
    }
  }
}

// The interrupted call fails, or is made again when the handler has returned.
void settle_call_before_handler(const Thread& thread, cpu::TrapFrame& frame,
                                const SignalAction& action) {
  if (!frame.is_syscall() || !is_restart(frame.syscall_result())) {
    return;
  }
  const auto why = Errno(-int64_t(frame.syscall_result()));
  if (why == Errno::restart_always ||
      (why == Errno::restart && (action.flags & action_flag::restart) != 0)) {
    frame.repeat_syscall(thread.call.number, thread.call.first_argument);
  } else {
    frame.set_syscall_result(-uint64_t(Errno::interrupted));
  }
}

// Parks the thread of a stopped process; others may look at its registers meanwhile.
void park(Thread& thread, cpu::TrapFrame& frame) {
  {
    const cpu::InterruptGuard masked;
    thread.save_user_registers();
  }
  thread.user_frame = &frame;
  (void)park_if_stopped(thread);
}

}  // namespace

void settle_call(const Thread& thread, cpu::TrapFrame& frame) {
  if (!frame.is_syscall() || !is_restart(frame.syscall_result())) {
    return;
  }
  const bool is_rest = Errno(-int64_t(frame.syscall_result())) == Errno::restart_rest;
  frame.repeat_syscall(is_rest ? cpu::restart_syscall_number : thread.call.number,
                       thread.call.first_argument);
}

namespace {

SignalDelivery describe(const Thread& thread, const cpu::TrapFrame& frame, const Taken& taken) {
  const ThreadSignals& own = thread.signals;
  SignalDelivery delivery{};
  delivery.number = uint32_t(taken.info.signal());
  delivery.wants_info = (taken.action.flags & action_flag::wants_info) != 0;
  delivery.handler = taken.action.handler;
  delivery.restorer = (taken.action.flags & action_flag::restorer) != 0
                          ? taken.action.restorer
                          : thread.process().signal_trampoline();
  delivery.top = frame.sp() - cpu::signal_red_zone;
  if ((taken.action.flags & action_flag::alternate_stack) != 0 &&
      own.stack.state_at(delivery.top) == 0) {
    delivery.top = own.stack.base + own.stack.size;
  }
  delivery.mask = own.saved_mask.value_or(own.blocked).bits();
  delivery.stack = {own.stack.base, own.stack.flags, 0, own.stack.size};
  delivery.info = &taken.info;
  delivery.info_size = sizeof(taken.info);
  delivery.fault_address = own.last_fault.address;
  delivery.fault_code = own.last_fault.code;
  delivery.fault_vector = own.last_fault.vector;
  return delivery;
}

// On the alternate stack, but more than fits: what lies below would be overwritten.
bool overflows(const AlternateStack& stack, const cpu::TrapFrame& frame,
               const SignalDelivery& delivery, uint64_t lowest) {
  const bool is_on_it =
      stack.is_used_at(frame.sp()) || (stack.size != 0 && delivery.top == stack.base + stack.size);
  return is_on_it && !stack.contains(lowest);
}

// Calls the handler; false: its frame cannot be written.
[[nodiscard]] bool call_handler(Thread& thread, cpu::TrapFrame& frame, const Taken& taken) {
  const SignalDelivery delivery = describe(thread, frame, taken);
  if (delivery.restorer == 0) {
    return false;
  }
  {
    const cpu::InterruptGuard masked;
    cpu::save_user_state(thread.user_state());
  }
  const cpu::SignalFrame image(frame, delivery, thread.user_state());
  if (overflows(thread.signals.stack, frame, delivery, image.lowest())) {
    return false;
  }
  for (size_t i = 0; i < cpu::SignalFrame::part_count; ++i) {
    const SignalFramePart part = image.part(i);
    if (!copy_to_user(base::UserAddr(part.address), part.bytes, part.size).ok()) {
      return false;
    }
  }
  image.enter(frame, delivery);
  if ((thread.signals.stack.flags & AlternateStack::disarms_itself) != 0) {
    thread.signals.stack.forget();
  }
  thread.signals.saved_mask.reset();
  SignalSet blocked = thread.signals.blocked | taken.action.mask;
  if ((taken.action.flags & action_flag::no_defer) == 0) {
    blocked.add(taken.info.signal());
  }
  (void)exchange_signal_mask(blocked);
  return true;
}

[[noreturn]] void die_of(const Thread& thread, Signal signal, const char* why) {
  const Process& process = thread.process();
  LOG_INFO("%s[%u]: killed: %s", process.name(), process.id(), why);
  exit_process(WaitStatus::killed(unsigned(signal)));
}

// What Linux does about a frame that is not there: SIGSEGV, whatever the program says to it.
void force_segment_fault(const Thread& thread, const char* why) {
  const SignalInfo info = SignalInfo::from(Signal::segment, signal_code::kernel, 0);
  if (!raise_fault(info, thread.signals.last_fault)) {
    die_of(thread, Signal::segment, why);
  }
}

}  // namespace

void deliver_signals(cpu::TrapFrame& frame) {
  Thread& thread = current_thread();
  Taken taken;
  Step step = Step::done;
  {
    const base::Guard guard(process_lock);
    step = next_step(thread, taken);
  }
  switch (step) {
    case Step::park: park(thread, frame); return;
    case Step::done:
      settle_call(thread, frame);
      end_waiting_mask();
      return;
    case Step::take: break;
  }
  const Signal signal = taken.info.signal();
  if (!taken.action.has_handler()) {
    exit_process(WaitStatus::killed(unsigned(signal)));
  }
  settle_call_before_handler(thread, frame, taken.action);
  if (!call_handler(thread, frame, taken)) {
    if (signal == Signal::segment) {
      die_of(thread, signal, "no room for the handler of SIGSEGV");
    }
    force_segment_fault(thread, "no room for a signal handler");
  }
}

bool return_from_handler(cpu::TrapFrame& frame) {
  Thread& thread = current_thread();
  const base::UserAddr address(cpu::signal_context_address(frame));
  cpu::SignalContext context;
  bool good = copy_from_user(&context, address, sizeof(context)).ok();
  alignas(64) uint8_t state[cpu::max_signal_state] = {};
  size_t size = 0;
  if (good) {
    const cpu::SignalStateArea area = cpu::signal_state_area(context);
    const base::UserAddr from(area.address);
    size = area.size;
    if (size != 0 && !copy_from_user(state, from, size).ok()) {
      size = area.least;
      good = copy_from_user(state, from, size).ok();
    }
  }
  if (good) {
    (void)exchange_signal_mask(SignalSet(context.mask));
    good = cpu::restore_signal_context(frame, context, state, size);
  }
  if (!good) {
    frame.forget_syscall();
    force_segment_fault(thread, "return from a signal handler without its frame");
    return false;
  }
  const AlternateStack stack{context.stack.base, context.stack.size, context.stack.flags};
  (void)set_alternate_stack(thread, stack, frame.sp());
  return true;
}

bool raise_fault(const SignalInfo& info, const LastFault& fault) {
  const base::Guard guard(process_lock);
  Thread& thread = current_thread();
  Process& process = thread.process();
  const Signal signal = info.signal();
  thread.signals.last_fault = fault;
  SignalAction& action = process.signals.actions->of(signal);
  if (thread.signals.blocked.has(signal) || !action.has_handler()) {
    action.handler = SignalAction::by_default;
    return false;
  }
  (void)thread.signals.pending.add(info);
  thread.signals.forced.add(signal);
  update_attention(thread);
  return true;
}

}  // namespace kernel
