// control_calls.cpp: what a program says of its own process (prctl, personality).
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

enum : int32_t {
  set_parent_death_signal = 1,
  get_parent_death_signal = 2,
  get_dumpable = 3,
  set_dumpable = 4,
  get_keep_capabilities = 7,
  set_keep_capabilities = 8,
  set_name = 15,
  get_name = 16,
  get_seccomp = 21,
  read_bounding_capability = 23,
  get_timer_slack = 30,
  set_no_new_privileges = 38,
  get_no_new_privileges = 39,
  get_tid_address = 40,
};

constexpr uint64_t timer_slack_ns = 1;
constexpr uint64_t max_signal = 64;
constexpr uint64_t last_capability = 40;

// The first thread's name is its process's; the others' are not kept.
CallResult change_name(const CallArguments& arguments) {
  char name[Process::max_name]{};
  // The string may be longer, and what follows it may be missing.
  for (size_t i = 0; i < sizeof(name) - 1; ++i) {
    const auto read = read_user<uint8_t>(base::UserAddr(arguments.value[1] + i));
    if (!read) {
      return read.error();
    }
    name[i] = char(read.value());
    if (name[i] == 0) {
      break;
    }
  }
  if (arguments.thread.id() == arguments.process.id()) {
    const base::Guard guard(process_lock);
    arguments.process.rename(name);
  }
  return uint64_t(0);
}

CallResult tell_name(const CallArguments& arguments) {
  char name[Process::max_name] = {};
  {
    const base::Guard guard(process_lock);
    Text(arguments.process.name()).copy(name, Process::max_name - 1);
  }
  return copy_to_user(arguments.address(1), name, sizeof(name));
}

// Sets one of the traits to 0 or 1.
CallResult set_flag(const CallArguments& arguments, bool Traits::* flag, bool last_arguments_zero) {
  const uint64_t value = arguments.value[1];
  if (value > 1 || (last_arguments_zero &&
                    (arguments.value[2] | arguments.value[3] | arguments.value[4]) != 0)) {
    return Errno::invalid;
  }
  const base::Guard guard(process_lock);
  arguments.process.traits.*flag = value != 0;
  return uint64_t(0);
}

Traits traits_of(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  return arguments.process.traits;
}

}  // namespace

CallResult prctl(const CallArguments& arguments) {
  const uint64_t value = arguments.value[1];
  const bool only_one = (arguments.value[2] | arguments.value[3] | arguments.value[4]) == 0;
  switch (arguments.integer(0)) {
    case set_parent_death_signal: {
      if (value > max_signal) {
        return Errno::invalid;
      }
      const base::Guard guard(process_lock);
      arguments.process.traits.parent_death_signal = uint32_t(value);
      return uint64_t(0);
    }
    case get_parent_death_signal:
      return write_user(arguments.address(1), traits_of(arguments).parent_death_signal);
    case get_dumpable: return uint64_t(traits_of(arguments).dumpable);
    case set_dumpable: return set_flag(arguments, &Traits::dumpable, false);
    case get_keep_capabilities: return uint64_t(traits_of(arguments).keeps_capabilities);
    case set_keep_capabilities: return set_flag(arguments, &Traits::keeps_capabilities, false);
    case set_name: return change_name(arguments);
    case get_name: return tell_name(arguments);
    case get_seccomp: return uint64_t(0);
    case read_bounding_capability:
      return value <= last_capability ? CallResult(uint64_t(1)) : CallResult(Errno::invalid);
    case get_timer_slack: return timer_slack_ns;
    case set_no_new_privileges:
      return value == 1 ? set_flag(arguments, &Traits::no_new_privileges, true)
                        : CallResult(Errno::invalid);
    case get_no_new_privileges:
      return value == 0 && only_one ? CallResult(uint64_t(traits_of(arguments).no_new_privileges))
                                    : CallResult(Errno::invalid);
    case get_tid_address: return write_user(arguments.address(1), arguments.thread.clear_child_tid);
    default: return Errno::invalid;
  }
}

// Kept, without effect.
CallResult personality(const CallArguments& arguments) {
  constexpr uint32_t only_ask = ~0u;
  const auto fresh = uint32_t(arguments.value[0]);
  const base::Guard guard(process_lock);
  const uint32_t before = arguments.process.traits.personality;
  if (fresh != only_ask) {
    arguments.process.traits.personality = fresh;
  }
  return uint64_t(before);
}

}  // namespace kernel::calls
