// process_calls.cpp: calls on the program itself.
#include "cpu/context.h"
#include "kernel/log/log.h"
#include "kernel/memory/user_space.h"
#include "kernel/process/exit.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t max_signal = 64;
constexpr uint64_t signal_set_size = 8;

// Signals whose default is to do nothing: CHLD, CONT, URG, WINCH.
bool ignored_by_default(uint64_t signal) {
  return signal == 17 || signal == 18 || signal == 23 || signal == 28;
}

// A signal the program sends to itself; no other process exists to receive one.
CallResult send_signal(const CallArguments& arguments, uint64_t target, uint64_t signal) {
  if (target != arguments.process.id()) {
    return Errno::no_process;
  }
  if (signal > max_signal) {
    return Errno::invalid;
  }
  if (signal == 0 || ignored_by_default(signal)) {
    return uint64_t(0);
  }
  LOG_INFO("%s[%u]: killed by its own signal %lu", arguments.process.name(), arguments.process.id(),
           signal);
  exit_process(WaitStatus::killed(unsigned(signal)));
}

}  // namespace

CallResult arch_prctl(const CallArguments& arguments) {
  enum : uint64_t { set_fs = 0x1002, get_fs = 0x1003 };
  switch (arguments.value[0]) {
    case set_fs:
      if (arguments.value[1] >= UserSpace::end()) {
        return Errno::not_permitted;
      }
      cpu::set_user_tls(arguments.value[1]);
      return uint64_t(0);
    case get_fs: return write_user(arguments.address(1), cpu::user_tls());
    default: return Errno::invalid;
  }
}

CallResult kill(const CallArguments& arguments) {
  return send_signal(arguments, arguments.value[0], arguments.value[1]);
}

CallResult tgkill(const CallArguments& arguments) {
  return send_signal(arguments, arguments.value[1], arguments.value[2]);
}

CallResult rt_sigaction(const CallArguments& arguments) {
  // No signal reaches a handler yet: only the dispositions that need none can be set, and every
  // signal has its default.
  struct Action {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
  };
  constexpr uint64_t handler_default = 0;
  constexpr uint64_t handler_ignore = 1;
  if (arguments.value[0] == 0 || arguments.value[0] > max_signal ||
      arguments.value[3] != signal_set_size) {
    return Errno::invalid;
  }
  if (arguments.value[1] != 0) {
    const auto action = read_user<Action>(arguments.address(1));
    if (!action) {
      return action.error();
    }
    if (action.value().handler != handler_default && action.value().handler != handler_ignore) {
      return Errno::not_implemented;
    }
  }
  return arguments.value[2] == 0
             ? CallResult(uint64_t(0))
             : CallResult(write_user(arguments.address(2), Action{handler_default, 0, 0, 0}));
}

CallResult rt_sigprocmask(const CallArguments& arguments) {
  enum : int32_t { block = 0, unblock = 1, set = 2 };
  if (arguments.value[3] != signal_set_size) {
    return Errno::invalid;
  }
  const uint64_t old = arguments.process.signal_mask();
  if (arguments.value[1] != 0) {
    const auto given = read_user<uint64_t>(arguments.address(1));
    if (!given) {
      return given.error();
    }
    switch (arguments.integer(0)) {
      case block: arguments.process.set_signal_mask(old | given.value()); break;
      case unblock: arguments.process.set_signal_mask(old & ~given.value()); break;
      case set: arguments.process.set_signal_mask(given.value()); break;
      default: return Errno::invalid;
    }
  }
  return arguments.value[2] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(2), old));
}

}  // namespace kernel::calls
