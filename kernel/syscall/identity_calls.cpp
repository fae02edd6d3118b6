// identity_calls.cpp: numbers of threads, processes, groups and sessions.
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"

namespace kernel::calls {

namespace {

// The process that `id` names, 0 being the caller.
Process* named(const CallArguments& arguments, int32_t id) BASE_REQUIRES(process_lock) {
  return id == 0 ? &arguments.process : id > 0 ? find_process_locked(uint32_t(id)) : nullptr;
}

// Whether a process of `session` is in group `id`.
bool group_exists(uint32_t id, uint32_t session) BASE_REQUIRES(process_lock) {
  for (Process* at = next_process_locked(0); at != nullptr; at = next_process_locked(at->id())) {
    if (at->group == id && at->session == session) {
      return true;
    }
  }
  return false;
}

}  // namespace

CallResult getpid(const CallArguments& arguments) {
  return uint64_t(arguments.process.id());
}
CallResult gettid(const CallArguments& arguments) {
  return uint64_t(arguments.thread.id());
}
CallResult getppid(const CallArguments& arguments) {
  return uint64_t(arguments.process.parent_id());
}
CallResult set_tid_address(const CallArguments& arguments) {
  arguments.thread.clear_child_tid = arguments.value[0];
  return uint64_t(arguments.thread.id());
}

CallResult getpgid(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  const Process* process = named(arguments, arguments.integer(0));
  return process == nullptr ? CallResult(Errno::no_process) : CallResult(uint64_t(process->group));
}
CallResult getpgrp(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  return uint64_t(arguments.process.group);
}
CallResult getsid(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  const Process* process = named(arguments, arguments.integer(0));
  return process == nullptr ? CallResult(Errno::no_process)
                            : CallResult(uint64_t(process->session));
}

CallResult setpgid(const CallArguments& arguments) {
  if (arguments.integer(1) < 0) {
    return Errno::invalid;
  }
  const base::Guard guard(process_lock);
  Process* process = named(arguments, arguments.integer(0));
  const bool is_self = process == &arguments.process;
  if (process == nullptr || (!is_self && process->parent != &arguments.process)) {
    return Errno::no_process;
  }
  if (!is_self && process->session != arguments.process.session) {
    return Errno::not_permitted;
  }
  if (!is_self && process->has_executed) {
    return Errno::access;
  }
  if (process->session == process->id()) {
    return Errno::not_permitted;
  }
  const uint32_t group = arguments.value[1] == 0 ? process->id() : uint32_t(arguments.integer(1));
  if (group != process->id() && !group_exists(group, arguments.process.session)) {
    return Errno::not_permitted;
  }
  process->group = group;
  return uint64_t(0);
}

CallResult setsid(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  Process& process = arguments.process;
  for (Process* at = next_process_locked(0); at != nullptr; at = next_process_locked(at->id())) {
    if (at->group == process.id()) {
      return Errno::not_permitted;
    }
  }
  process.group = process.session = process.id();
  return uint64_t(process.id());
}

}  // namespace kernel::calls
