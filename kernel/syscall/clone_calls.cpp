// clone_calls.cpp: making, replacing, ending and waiting for processes and threads.
#include "cpu/syscall_numbers.h"
#include "kernel/process/execute.h"
#include "kernel/process/exit.h"
#include "kernel/process/fork.h"
#include "kernel/process/wait.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/usage_values.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

CallResult result_of(const Outcome<uint32_t>& made) {
  return made ? CallResult(uint64_t(made.value())) : CallResult(made.error());
}

// clone3()'s argument, of which programs may know more or less than we.
struct CloneStructure {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};
constexpr uint64_t clone_structure_first_size = 64;

// Linux's options of wait4 and waitid.
enum : uint64_t {
  wait_no_hang = 1,
  wait_stopped = 2,
  wait_exited = 4,
  wait_continued = 8,
  wait_keep = 0x0100'0000,
  wait_own_thread = 0x2000'0000,  // of the calling thread alone: here children are the process's
  wait_all = 0x4000'0000,
  wait_clone = 0x8000'0000,
};
constexpr uint64_t wait_whose = wait_own_thread | wait_all | wait_clone;

Errno errno_of_wait(base::Error error) {
  return error == base::Error::not_found ? Errno::no_child : Errno::restart;
}

ChildWait wait_from(uint64_t options) {
  ChildWait wait;
  wait.blocks = (options & wait_no_hang) == 0;
  wait.stopped = (options & wait_stopped) != 0;
  wait.continued = (options & wait_continued) != 0;
  wait.keeps = (options & wait_keep) != 0;
  wait.kind = (options & wait_all) != 0     ? ChildWait::Kind::all
              : (options & wait_clone) != 0 ? ChildWait::Kind::clones
                                            : ChildWait::Kind::ordinary;
  return wait;
}

base::Status write_child_usage(base::UserAddr to, const ChildReport& report) {
  return to.raw() == 0 ? base::Status() : write_user(to, usage_value(report.times, report.usage));
}

// siginfo as waitid() fills it.
struct ChildInfo {
  int32_t signal, error, code, padding;
  int32_t id, user, status, padding2;
  int64_t user_time, system_time;
  uint64_t rest[10];
};
static_assert(sizeof(ChildInfo) == 128);

ChildInfo info_of(const ChildReport& report) {
  enum : int32_t {
    exited = 1,
    killed = 2,
    dumped = 3,
    stopped = 5,
    continued = 6,
    sig_continue = 18
  };
  ChildInfo info{};
  if (report.id == 0) {
    return info;
  }
  info.signal = int32_t(default_exit_signal);
  info.id = int32_t(report.id);
  switch (report.what) {
    case ChildReport::What::ended:
      info.code = !report.status.was_killed() ? exited : report.status.dumped() ? dumped : killed;
      info.status = report.status.was_killed() ? int32_t(report.status.signal())
                                               : int32_t(report.status.code());
      break;
    case ChildReport::What::stopped:
      info.code = stopped;
      info.status = int32_t(report.status.code());
      break;
    case ChildReport::What::continued:
      info.code = continued;
      info.status = sig_continue;
      break;
  }
  return info;
}

}  // namespace

CallResult fork(const CallArguments& arguments) {
  return result_of(clone_current(arguments.frame, {.flags = default_exit_signal}));
}

CallResult vfork(const CallArguments& arguments) {
  return result_of(clone_current(
      arguments.frame, {.flags = clone_flag::vm | clone_flag::vfork | default_exit_signal}));
}

CallResult clone(const CallArguments& arguments) {
  CloneRequest request;
  request.flags = arguments.value[0] & 0xffff'ffff;
  request.stack = arguments.value[1];
  request.parent_tid = arguments.value[2];
  request.child_tid = arguments.value[cpu::clone_child_tid_argument];
  request.tls = arguments.value[cpu::clone_tls_argument];
  return result_of(clone_current(arguments.frame, request));
}

CallResult clone3(const CallArguments& arguments) {
  const uint64_t size = arguments.value[1];
  if (size > base::page_size) {
    return Errno::argument_list;
  }
  if (size < clone_structure_first_size) {
    return Errno::invalid;
  }
  CloneStructure given{};
  if (const auto copied = copy_from_user(&given, arguments.address(0), sizeof(given)); !copied) {
    return copied;
  }
  for (uint64_t at = sizeof(given); at < size; at += 8) {
    uint64_t word = 0;
    const auto copied = copy_from_user(&word, base::UserAddr(arguments.value[0] + at),
                                       base::min<uint64_t>(8, size - at));
    if (!copied) {
      return copied;
    }
    if (word != 0) {
      return Errno::argument_list;
    }
  }
  if ((given.flags & clone_flag::exit_signal) != 0 || given.exit_signal > 64 ||
      (given.stack == 0) != (given.stack_size == 0)) {
    return Errno::invalid;
  }
  CloneRequest request;
  request.flags = given.flags | given.exit_signal;
  request.stack = given.stack + given.stack_size;
  request.parent_tid = given.parent_tid;
  request.child_tid = given.child_tid;
  request.tls = given.tls;
  return result_of(clone_current(arguments.frame, request));
}

namespace {

CallResult execute_from_user(const CallArguments& arguments, base::UserAddr path_address,
                             base::UserAddr words, base::UserAddr environment_words) {
  char path[1024];
  const auto copied = copy_string_from_user(path, path_address);
  if (!copied) {
    return copied.error() == base::Error::limit_exceeded ? Errno::name_too_long
                                                         : errno_of(copied.error());
  }
  StringList argument_list;
  StringList environment;
  base::Status read = argument_list.add_array_from_user(words);
  if (read.ok()) {
    read = environment.add_array_from_user(environment_words);
  }
  if (!read.ok()) {
    return read.error() == base::Error::limit_exceeded ? Errno::argument_list
                                                       : errno_of(read.error());
  }
  const auto done = execute(arguments.process, arguments.frame, copied.value(),
                            base::move(argument_list), environment);
  return done ? CallResult(uint64_t(0)) : CallResult(done.error());
}

}  // namespace

CallResult execve(const CallArguments& arguments) {
  return execute_from_user(arguments, arguments.address(0), arguments.address(1),
                           arguments.address(2));
}

CallResult exit(const CallArguments& arguments) {
  exit_thread(uint8_t(arguments.value[0]));
}

CallResult exit_group(const CallArguments& arguments) {
  exit_process(WaitStatus::exited(uint8_t(arguments.value[0])));
}

CallResult wait4(const CallArguments& arguments) {
  const int32_t who = arguments.integer(0);
  const uint64_t options = arguments.value[2] & 0xffff'ffff;
  if ((options & ~(wait_no_hang | wait_stopped | wait_continued | wait_whose)) != 0) {
    return Errno::invalid;
  }
  if (who == INT32_MIN) {
    return Errno::no_process;
  }
  ChildWait wait = wait_from(options);
  wait.which = who > 0     ? ChildWait::Which::process
               : who == -1 ? ChildWait::Which::any
                           : ChildWait::Which::group;
  wait.id = uint32_t(who < 0 ? -who : who);
  if (who == 0) {
    const base::Guard guard(process_lock);
    wait.id = arguments.process.group;
  }
  const auto report = wait_for_child(arguments.process, wait);
  if (!report) {
    return errno_of_wait(report.error());
  }
  if (report.value().id == 0) {
    return uint64_t(0);
  }
  if (arguments.value[1] != 0) {
    if (const auto written = write_user(arguments.address(1), report.value().status.raw());
        !written) {
      return written;
    }
  }
  if (const auto written = write_child_usage(arguments.address(3), report.value()); !written) {
    return written;
  }
  return uint64_t(report.value().id);
}

CallResult waitid(const CallArguments& arguments) {
  enum : int32_t { all = 0, process = 1, group = 2 };
  const uint64_t options = arguments.value[3] & 0xffff'ffff;
  constexpr uint64_t kinds = wait_exited | wait_stopped | wait_continued;
  if ((options & ~(kinds | wait_no_hang | wait_keep | wait_whose)) != 0 || (options & kinds) == 0) {
    return Errno::invalid;
  }
  ChildWait wait = wait_from(options);
  wait.ended = (options & wait_exited) != 0;
  wait.id = uint32_t(arguments.integer(1));
  switch (arguments.integer(0)) {
    case all: break;
    case process:
      if (arguments.integer(1) <= 0) {
        return Errno::invalid;
      }
      wait.which = ChildWait::Which::process;
      break;
    case group: {
      if (arguments.integer(1) < 0) {
        return Errno::invalid;
      }
      wait.which = ChildWait::Which::group;
      if (wait.id == 0) {
        const base::Guard guard(process_lock);
        wait.id = arguments.process.group;
      }
      break;
    }
    default: return Errno::invalid;
  }
  const auto report = wait_for_child(arguments.process, wait);
  if (!report) {
    return errno_of_wait(report.error());
  }
  if (const auto written = write_child_usage(arguments.address(4), report.value()); !written) {
    return written;
  }
  return arguments.value[2] == 0
             ? CallResult(uint64_t(0))
             : CallResult(write_user(arguments.address(2), info_of(report.value())));
}

}  // namespace kernel::calls
