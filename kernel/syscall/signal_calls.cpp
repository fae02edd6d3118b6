// signal_calls.cpp: sending signals, waiting for them, and what a program wants done with them.
#include "cpu/signal_frame.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_deliver.h"
#include "kernel/process/signal_mask.h"
#include "kernel/process/signal_send.h"
#include "kernel/process/signal_stack.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t signal_set_size = 8;
constexpr uint64_t info_bytes = 128;

bool is_signal(int32_t number) {
  return number > 0 && number <= int32_t(last_signal);
}

// siginfo as programs have it.
struct UserInfo {
  SignalInfo known;
  uint8_t rest[info_bytes - sizeof(SignalInfo)];
};
static_assert(sizeof(UserInfo) == info_bytes);

SignalInfo info_from(const CallArguments& arguments, int32_t signal, int32_t code) {
  return SignalInfo::from(Signal(signal), code, arguments.process.id());
}

// Signal 0 only asks whether the receiver exists.
CallResult check_or_send(Process& process, Thread* thread, int32_t signal, const SignalInfo& info)
    BASE_REQUIRES(process_lock) {
  if (signal == 0) {
    return uint64_t(0);
  }
  if (!is_signal(signal)) {
    return Errno::invalid;
  }
  return thread != nullptr ? CallResult(send_signal_locked(*thread, info))
                           : CallResult(send_signal_locked(process, info));
}

// By the number of the process, or of any of its threads.
Process* find_receiver(uint32_t id) BASE_REQUIRES(process_lock) {
  if (Process* process = find_process_locked(id)) {
    return process;
  }
  Thread* thread = find_thread_locked(id);
  return thread == nullptr ? nullptr : &thread->process();
}

CallResult send_to_process(uint32_t id, int32_t signal, const SignalInfo& info) {
  const base::Guard guard(process_lock);
  Process* process = id == 0 ? nullptr : find_receiver(id);
  return process == nullptr ? CallResult(Errno::no_process)
                            : check_or_send(*process, nullptr, signal, info);
}

// `process` 0: whatever process the thread is of.
CallResult send_to_thread(uint32_t process, uint32_t id, int32_t signal, const SignalInfo& info) {
  const base::Guard guard(process_lock);
  Thread* thread = find_thread_locked(id);
  if (thread == nullptr || (process != 0 && thread->process().id() != process)) {
    return Errno::no_process;
  }
  return check_or_send(thread->process(), thread, signal, info);
}

template <typename Fits>
CallResult send_to_many(int32_t signal, const SignalInfo& info, Fits&& fits)
    BASE_REQUIRES(process_lock) {
  CallResult result = Errno::no_process;
  for (Process* at = nullptr; (at = next_in_table(at)) != nullptr;) {
    if (fits(*at)) {
      result = check_or_send(*at, nullptr, signal, info);
    }
  }
  return result;
}

base::Result<SignalSet> read_set(base::UserAddr from) {
  BASE_TRY_ASSIGN(const uint64_t bits, read_user<uint64_t>(from));
  return SignalSet(bits) - unstoppable_signals;
}

base::Result<SignalInfo> read_info(base::UserAddr from, int32_t signal) {
  BASE_TRY_ASSIGN(UserInfo info, read_user<UserInfo>(from));
  info.known.number = signal;
  return info.known;
}

// Only the kernel says that it was the kernel, or kill().
bool may_claim(const CallArguments& arguments, const SignalInfo& info, uint32_t receiver) {
  return (info.code < 0 && info.code != signal_code::thread) || receiver == arguments.process.id();
}

}  // namespace

CallResult kill(const CallArguments& arguments) {
  const int32_t who = arguments.integer(0);
  const int32_t signal = arguments.integer(1);
  const SignalInfo info = info_from(arguments, signal, signal_code::user);
  if (who > 0) {
    return send_to_process(uint32_t(who), signal, info);
  }
  if (who == INT32_MIN) {
    return Errno::no_process;
  }
  const base::Guard guard(process_lock);
  if (who == -1) {
    return send_to_many(signal, info, [&](const Process& process) {
      return process.id() > 1 && &process != &arguments.process;
    });
  }
  const uint32_t group = who == 0 ? arguments.process.group : uint32_t(-who);
  return send_to_many(signal, info, [&](const Process& process) BASE_NO_THREAD_SAFETY_ANALYSIS {
    return process.group == group;
  });
}

CallResult tkill(const CallArguments& arguments) {
  const int32_t thread = arguments.integer(0);
  const int32_t signal = arguments.integer(1);
  if (thread <= 0) {
    return Errno::invalid;
  }
  return send_to_thread(0, uint32_t(thread), signal,
                        info_from(arguments, signal, signal_code::thread));
}

CallResult tgkill(const CallArguments& arguments) {
  const int32_t process = arguments.integer(0);
  const int32_t thread = arguments.integer(1);
  const int32_t signal = arguments.integer(2);
  if (process <= 0 || thread <= 0) {
    return Errno::invalid;
  }
  return send_to_thread(uint32_t(process), uint32_t(thread), signal,
                        info_from(arguments, signal, signal_code::thread));
}

CallResult rt_sigqueueinfo(const CallArguments& arguments) {
  const int32_t signal = arguments.integer(1);
  const auto info = read_info(arguments.address(2), signal);
  if (!info) {
    return info.error();
  }
  const auto process = uint32_t(arguments.integer(0));
  if (!may_claim(arguments, info.value(), process)) {
    return Errno::not_permitted;
  }
  return send_to_process(process, signal, info.value());
}

CallResult rt_tgsigqueueinfo(const CallArguments& arguments) {
  const int32_t process = arguments.integer(0);
  const int32_t thread = arguments.integer(1);
  const int32_t signal = arguments.integer(2);
  const auto info = read_info(arguments.address(3), signal);
  if (!info) {
    return info.error();
  }
  if (process <= 0 || thread <= 0) {
    return Errno::invalid;
  }
  if (!may_claim(arguments, info.value(), uint32_t(thread))) {
    return Errno::not_permitted;
  }
  return send_to_thread(uint32_t(process), uint32_t(thread), signal, info.value());
}

CallResult rt_sigaction(const CallArguments& arguments) {
  const int32_t number = arguments.integer(0);
  if (arguments.value[3] != signal_set_size) {
    return Errno::invalid;
  }
  SignalAction given;
  if (arguments.value[1] != 0) {
    if (const auto read = copy_from_user(&given, arguments.address(1), sizeof(given)); !read) {
      return read;
    }
  }
  const auto signal = Signal(number);
  if (!is_signal(number) || (arguments.value[1] != 0 && unstoppable_signals.has(signal))) {
    return Errno::invalid;
  }
  SignalAction before;
  {
    const base::Guard guard(process_lock);
    SignalAction& action = arguments.process.signals.actions->of(signal);
    before = action;
    if (arguments.value[1] != 0) {
      action = given;
      action.flags &= action_flag::known;
      action.mask = action.mask - unstoppable_signals;
      if (action.ignores(signal)) {
        forget_signal(arguments.process, signal);
      }
    }
  }
  return arguments.value[2] == 0
             ? CallResult(uint64_t(0))
             : CallResult(copy_to_user(arguments.address(2), &before, sizeof(before)));
}

CallResult rt_sigprocmask(const CallArguments& arguments) {
  enum : int32_t { block = 0, unblock = 1, set = 2 };
  if (arguments.value[3] != signal_set_size) {
    return Errno::invalid;
  }
  const SignalSet old = arguments.thread.signals.blocked;
  if (arguments.value[1] != 0) {
    const auto given = read_set(arguments.address(1));
    if (!given) {
      return given.error();
    }
    switch (arguments.integer(0)) {
      case block: (void)exchange_signal_mask(old | given.value()); break;
      case unblock: (void)exchange_signal_mask(old - given.value()); break;
      case set: (void)exchange_signal_mask(given.value()); break;
      default: return Errno::invalid;
    }
  }
  return arguments.value[2] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(2), old.bits()));
}

CallResult rt_sigpending(const CallArguments& arguments) {
  const uint64_t size = arguments.value[1];
  if (size > signal_set_size) {
    return Errno::invalid;
  }
  SignalSet pending;
  {
    const base::Guard guard(process_lock);
    const ThreadSignals& own = arguments.thread.signals;
    pending = (own.pending.set() | arguments.process.signals.pending.set()) & own.blocked;
  }
  const uint64_t bits = pending.bits();
  return copy_to_user(arguments.address(0), &bits, size);
}

CallResult rt_sigsuspend(const CallArguments& arguments) {
  if (arguments.value[1] != signal_set_size) {
    return Errno::invalid;
  }
  const auto mask = read_set(arguments.address(0));
  if (!mask) {
    return mask.error();
  }
  begin_waiting_mask(mask.value());
  (void)sleep_until(Deadline::never(), WaitKind::interruptible);
  return Errno::restart_without_handler;
}

CallResult pause(const CallArguments&) {
  (void)sleep_until(Deadline::never(), WaitKind::interruptible);
  return Errno::restart_without_handler;
}

namespace {

// Takes a pending signal of `set`, blocked or not.
std::optional<SignalInfo> take_pending(Thread& thread, SignalSet set) BASE_REQUIRES(process_lock) {
  PendingSignals& own = thread.signals.pending;
  PendingSignals& shared = thread.process().signals.pending;
  if (const SignalSet found = own.set() & set; !found.empty()) {
    return own.take(found.first());
  }
  if (const SignalSet found = shared.set() & set; !found.empty()) {
    return shared.take(found.first());
  }
  return std::nullopt;
}

// Waits until a signal of `set` comes, or one that is not blocked.
std::optional<SignalInfo> await_signal(Thread& thread, SignalSet set, Deadline deadline) {
  {
    const base::Guard guard(process_lock);
    if (const auto found = take_pending(thread, set)) {
      update_attention(thread);
      return found;
    }
    thread.signals.awaited = set;
    update_attention(thread);
  }
  (void)sleep_until(deadline, WaitKind::interruptible);
  const base::Guard guard(process_lock);
  thread.signals.awaited = {};
  const auto found = take_pending(thread, set);
  update_attention(thread);
  return found;
}

}  // namespace

CallResult rt_sigtimedwait(const CallArguments& arguments) {
  if (arguments.value[3] != signal_set_size) {
    return Errno::invalid;
  }
  const auto set = read_set(arguments.address(0));
  if (!set) {
    return set.error();
  }
  Deadline deadline = Deadline::never();
  if (arguments.value[2] != 0) {
    struct Time {
      int64_t seconds;
      int64_t nanoseconds;
    };
    constexpr int64_t ns_per_second = 1'000'000'000;
    const auto time = read_user<Time>(arguments.address(2));
    if (!time) {
      return time.error();
    }
    if (time.value().seconds < 0 || time.value().nanoseconds < 0 ||
        time.value().nanoseconds >= ns_per_second) {
      return Errno::invalid;
    }
    constexpr int64_t for_ever = INT64_MAX / ns_per_second;
    if (time.value().seconds < for_ever) {
      deadline = Deadline::after_ns(uint64_t(time.value().seconds) * ns_per_second +
                                    uint64_t(time.value().nanoseconds));
    }
  }
  const auto info = await_signal(arguments.thread, set.value(), deadline);
  if (!info) {
    return deadline.has_passed() ? Errno::again : Errno::interrupted;
  }
  if (arguments.value[1] != 0) {
    if (const auto written = write_user(arguments.address(1), UserInfo{*info, {}}); !written) {
      return written;
    }
  }
  return uint64_t(info->number);
}

CallResult rt_sigreturn(const CallArguments& arguments) {
  (void)return_from_handler(arguments.frame);
  return arguments.frame.syscall_result();
}

CallResult sigaltstack(const CallArguments& arguments) {
  const AlternateStack& mine = arguments.thread.signals.stack;
  const uint64_t sp = arguments.frame.sp();
  const SignalStack old{
      mine.base, mine.state_at(sp) | (mine.flags & AlternateStack::disarms_itself), 0, mine.size};
  if (arguments.value[0] != 0) {
    SignalStack given{};
    if (const auto read = copy_from_user(&given, arguments.address(0), sizeof(given)); !read) {
      return read;
    }
    const AlternateStack stack{given.base, given.size, given.flags};
    if (const auto set = set_alternate_stack(arguments.thread, stack, sp); !set) {
      return set.error();
    }
  }
  return arguments.value[1] == 0
             ? CallResult(uint64_t(0))
             : CallResult(copy_to_user(arguments.address(1), &old, sizeof(old)));
}

CallResult restart_syscall(const CallArguments& arguments) {
  const auto go_on = arguments.thread.restart.go_on;
  return go_on == nullptr ? CallResult(Errno::interrupted) : go_on(arguments);
}

}  // namespace kernel::calls
