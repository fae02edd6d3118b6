// schedule_calls.cpp: which thread runs where and how eagerly. One policy (SCHED_OTHER), served in
// turn.
#include "cpu/per_cpu.h"
#include "kernel/host/cpus.h"
#include "kernel/memory/shootdown.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/time_values.h"

namespace kernel::calls {

namespace {

enum : int32_t {
  policy_other = 0,
  policy_fifo = 1,
  policy_round_robin = 2,
  policy_batch = 3,
  policy_idle = 5,
  policy_reset_on_fork = 0x4000'0000,
};

constexpr uint64_t cpu_word = sizeof(uint64_t);  // bits are given in words

bool is_ordinary(int32_t policy) {
  return policy == policy_other || policy == policy_batch || policy == policy_idle;
}
bool is_realtime(int32_t policy) {
  return policy == policy_fifo || policy == policy_round_robin;
}

// EINVAL: a negative number; ESRCH: nobody has it.
Outcome<> check_thread(int32_t id) {
  if (id < 0) {
    return Errno::invalid;
  }
  const base::Guard guard(process_lock);
  return id == 0 || find_thread_locked(uint32_t(id)) != nullptr ? Outcome<>()
                                                                : Outcome<>(Errno::no_process);
}

// Calls visit(Thread&) for the thread with this number, 0: the caller's. ESRCH: there is none.
template <typename Visit>
Outcome<> with_thread(const CallArguments& arguments, int32_t id, Visit&& visit) {
  const base::Guard guard(process_lock);
  Thread* thread = id == 0  ? &arguments.thread
                   : id < 0 ? nullptr
                            : find_thread_locked(uint32_t(id));
  if (thread == nullptr) {
    return Errno::no_process;
  }
  visit(*thread);
  return {};
}

CallResult result_of(const Outcome<>& outcome) {
  return outcome ? CallResult(uint64_t(0)) : CallResult(outcome.error());
}

Outcome<> set_policy(int32_t id, int32_t policy, base::UserAddr parameter) {
  if (id < 0 || policy < 0 || parameter.raw() == 0) {
    return Errno::invalid;
  }
  const auto priority = read_user<int32_t>(parameter);
  if (!priority) {
    return priority.error();
  }
  BASE_TRY(check_thread(id));
  const int32_t kind = policy & ~policy_reset_on_fork;
  const int32_t value = priority.value();
  const bool fits = is_ordinary(kind) ? value == 0 : is_realtime(kind) && value >= 1 && value <= 99;
  if (!fits) {
    return Errno::invalid;
  }
  return is_ordinary(kind) ? Outcome<>() : Outcome<>(Errno::not_permitted);
}

// Calls visit(Process&) for those that PRIO_PROCESS, PRIO_PGRP, PRIO_USER and a number name.
template <typename Visit>
Outcome<> for_each_named(const CallArguments& arguments, Visit&& visit) {
  enum : int32_t { process = 0, group = 1, user = 2 };
  const int32_t which = arguments.integer(0);
  const auto id = uint32_t(arguments.value[1]);
  if (which < process || which > user) {
    return Errno::invalid;
  }
  bool any = false;
  const base::Guard guard(process_lock);
  const uint32_t wanted = id != 0            ? id
                          : which == process ? arguments.process.id()
                          : which == group   ? arguments.process.group
                                             : arguments.process.credentials.user.real;
  for (Process* at = next_process_locked(0); at != nullptr; at = next_process_locked(at->id())) {
    const uint32_t has = which == process ? at->id()
                         : which == group ? at->group
                                          : at->credentials.user.real;
    bool matches = has == wanted;
    if (which == process && !matches) {
      const Thread* thread = find_thread_locked(wanted);
      matches = thread != nullptr && &thread->process() == at;
    }
    if (matches) {
      visit(*at);
      any = true;
    }
    if (matches && which == process) {
      break;
    }
  }
  return any ? Outcome<>() : Outcome<>(Errno::no_process);
}

}  // namespace

CallResult sched_yield(const CallArguments&) {
  yield();
  return uint64_t(0);
}

CallResult sched_getaffinity(const CallArguments& arguments) {
  const auto size = uint32_t(arguments.value[1]);
  if (size * 8ULL < possible_cpus() || size % cpu_word != 0) {
    return Errno::invalid;
  }
  CpuMask cpus;
  BASE_TRY(with_thread(arguments, arguments.integer(0), [&cpus](const Thread& thread) {
    cpus = thread.affinity().intersect(online_cpus());
  }));
  const auto written = write_user(arguments.address(2), cpus.bits());
  return written ? CallResult(cpu_word) : CallResult(written);
}

CallResult sched_setaffinity(const CallArguments& arguments) {
  uint64_t set = 0;
  const auto size = uint32_t(arguments.value[1]);
  const auto copied =
      copy_from_user(&set, arguments.address(2), base::min<uint64_t>(size, sizeof(set)));
  if (!copied) {
    return copied;
  }
  const CpuMask cpus = CpuMask(set).intersect(online_cpus());
  BASE_TRY(with_thread(arguments, arguments.integer(0), [cpus](Thread& thread) {
    if (!cpus.empty()) {
      set_affinity(thread, cpus);
    }
  }));
  return cpus.empty() ? CallResult(Errno::invalid) : CallResult(uint64_t(0));
}

CallResult sched_getscheduler(const CallArguments& arguments) {
  return result_of(check_thread(arguments.integer(0)));
}
CallResult sched_setscheduler(const CallArguments& arguments) {
  return result_of(set_policy(arguments.integer(0), arguments.integer(1), arguments.address(2)));
}
CallResult sched_setparam(const CallArguments& arguments) {
  return result_of(set_policy(arguments.integer(0), policy_other, arguments.address(1)));
}
CallResult sched_getparam(const CallArguments& arguments) {
  if (arguments.value[1] == 0) {
    return Errno::invalid;
  }
  const auto found = check_thread(arguments.integer(0));
  return found ? CallResult(write_user(arguments.address(1), int32_t(0)))
               : CallResult(found.error());
}

CallResult sched_get_priority_max(const CallArguments& arguments) {
  const int32_t policy = arguments.integer(0);
  return is_realtime(policy)   ? CallResult(uint64_t(99))
         : is_ordinary(policy) ? CallResult(uint64_t(0))
                               : CallResult(Errno::invalid);
}
CallResult sched_get_priority_min(const CallArguments& arguments) {
  const int32_t policy = arguments.integer(0);
  return is_realtime(policy)   ? CallResult(uint64_t(1))
         : is_ordinary(policy) ? CallResult(uint64_t(0))
                               : CallResult(Errno::invalid);
}
CallResult sched_rr_get_interval(const CallArguments& arguments) {
  const auto found = check_thread(arguments.integer(0));
  return found ? CallResult(write_user(arguments.address(1), time_spec(time_slice_ns)))
               : CallResult(found.error());
}

CallResult getpriority(const CallArguments& arguments) {
  int32_t least = 19;
  const auto found =
      for_each_named(arguments, [&least](const Process& process) BASE_NO_THREAD_SAFETY_ANALYSIS {
        least = base::min(least, process.traits.nice);
      });
  return found ? CallResult(uint64_t(20 - least)) : CallResult(found.error());
}

CallResult setpriority(const CallArguments& arguments) {
  const int32_t nice = base::min(base::max(arguments.integer(2), -20), 19);
  return result_of(for_each_named(
      arguments,
      [nice](Process& process) BASE_NO_THREAD_SAFETY_ANALYSIS { process.traits.nice = nice; }));
}

CallResult getcpu(const CallArguments& arguments) {
  if (arguments.value[0] != 0) {
    const auto written = write_user(arguments.address(0), uint32_t(cpu::this_cpu().index));
    if (!written) {
      return written;
    }
  }
  return arguments.value[1] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(1), uint32_t(0)));
}

// Every CPU, whatever it runs, passes a full barrier in an interrupt (or is about to switch, which
// is one). Processes need not register.
CallResult membarrier(const CallArguments& arguments) {
  enum : int32_t {
    query = 0,
    global = 1,
    global_expedited = 2,
    register_global_expedited = 4,
    private_expedited = 8,
    register_private_expedited = 16,
  };
  constexpr int32_t known = global | global_expedited | register_global_expedited |
                            private_expedited | register_private_expedited;
  const int32_t command = arguments.integer(0);
  if (arguments.value[1] != 0) {
    return Errno::invalid;
  }
  if (command == query) {
    return uint64_t(known);
  }
  if (command < 0 || (command & known) != command || (command & (command - 1)) != 0) {
    return Errno::invalid;
  }
  base::fence<base::Order::sequential>();
  run_on_cpus(CpuMask::all(), [](void*) { base::fence<base::Order::sequential>(); }, nullptr);
  return uint64_t(0);
}

}  // namespace kernel::calls
