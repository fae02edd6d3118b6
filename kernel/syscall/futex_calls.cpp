// futex_calls.cpp: futex and the lists of robust futexes.
#include "kernel/process/futex.h"
#include "kernel/process/process.h"
#include "kernel/process/robust_list.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/time_values.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

enum : uint32_t {
  futex_wait = 0,
  futex_wake = 1,
  futex_requeue = 3,
  futex_compare_requeue = 4,
  futex_wake_op = 5,
  futex_wait_bits = 9,
  futex_wake_bits = 10,
};
constexpr uint32_t flag_private = 128;
constexpr uint32_t flag_wall_clock = 256;

CallResult result_of(const Outcome<uint32_t>& count) {
  return count ? CallResult(uint64_t(count.value())) : CallResult(count.error());
}

// What the fourth argument of a wait says; `is_absolute`: a moment, not a duration.
Outcome<Moment> read_limit(base::UserAddr from, bool is_absolute, bool is_wall) {
  if (from.raw() == 0) {
    return Moment::never();
  }
  BASE_TRY_ASSIGN(const uint64_t ns, read_time(from));
  return !is_absolute ? Moment::after_ns(ns) : is_wall ? Moment::wall(ns) : Moment::monotonic(ns);
}

struct Wait {
  FutexPlace place;
  uint32_t expected;
  uint32_t bits;
  Moment until;
};

CallResult wait(const CallArguments& arguments, const Wait& request);

// restart_syscall() of a wait with a limit, which is a moment by now.
CallResult go_on_waiting(const CallArguments& arguments) {
  const uint64_t(&values)[4] = arguments.thread.restart.values;
  return wait(arguments, {{base::UserAddr(values[0]), (values[3] & flag_private) != 0},
                          uint32_t(values[1]),
                          uint32_t(values[1] >> 32),
                          (values[3] & flag_wall_clock) != 0 ? Moment::wall(values[2])
                                                             : Moment::monotonic(values[2])});
}

CallResult wait(const CallArguments& arguments, const Wait& request) {
  const auto waited = wait_on_futex(arguments.process.space(), request.place, request.expected,
                                    request.until, request.bits);
  if (waited) {
    return uint64_t(0);
  }
  if (waited.error() != Errno::restart || request.until.is_never()) {
    return waited.error();
  }
  // A limit that is a duration would start anew if the call did.
  const uint64_t flags = (request.place.is_private ? flag_private : 0) |
                         (request.until.is_wall() ? flag_wall_clock : 0);
  arguments.thread.restart = {
      go_on_waiting,
      {request.place.address.raw(), request.expected | uint64_t(request.bits) << 32,
       request.until.ns(), flags}};
  return Errno::restart_rest;
}

CallResult requeue(const CallArguments& arguments, const FutexPlace& from, bool compares) {
  FutexRequeue request;
  request.from = from;
  request.to = {arguments.address(4), from.is_private};
  if (arguments.integer(2) < 0 || arguments.integer(3) < 0) {
    return Errno::invalid;
  }
  request.wake_count = uint32_t(arguments.value[2]);
  request.move_count = uint32_t(arguments.value[3]);
  if (compares) {
    request.expected = uint32_t(arguments.value[5]);
  }
  return result_of(requeue_futex(arguments.process.space(), request));
}

CallResult wake_and_operate(const CallArguments& arguments, const FutexPlace& place) {
  const auto operation = FutexOperation::decode(uint32_t(arguments.value[5]));
  if (!operation) {
    return operation.error();
  }
  return result_of(
      wake_futex_and_operate(arguments.process.space(), {place,
                                                         arguments.integer(2),
                                                         {arguments.address(4), place.is_private},
                                                         arguments.integer(3),
                                                         operation.value()}));
}

}  // namespace

CallResult futex(const CallArguments& arguments) {
  const auto flags = uint32_t(arguments.value[1]);
  const uint32_t operation = flags & ~(flag_private | flag_wall_clock);
  const FutexPlace place{arguments.address(0), (flags & flag_private) != 0};
  const auto bits = uint32_t(arguments.value[5]);
  const bool is_wait = operation == futex_wait || operation == futex_wait_bits;
  Moment until = Moment::never();
  if (is_wait) {
    const auto limit = read_limit(arguments.address(3), operation == futex_wait_bits,
                                  (flags & flag_wall_clock) != 0);
    if (!limit) {
      return limit.error();
    }
    until = limit.value();
  }
  if ((flags & flag_wall_clock) && operation != futex_wait_bits) {
    return Errno::not_implemented;
  }
  if ((operation == futex_wait_bits || operation == futex_wake_bits) && bits == 0) {
    return Errno::invalid;
  }
  UserSpace& space = arguments.process.space();
  switch (operation) {
    case futex_wait:
      return wait(arguments, {place, uint32_t(arguments.value[2]), futex_any_bit, until});
    case futex_wait_bits:
      return wait(arguments, {place, uint32_t(arguments.value[2]), bits, until});
    case futex_wake:
      return result_of(wake_futex(space, place, arguments.integer(2), futex_any_bit));
    case futex_wake_bits: return result_of(wake_futex(space, place, arguments.integer(2), bits));
    case futex_requeue: return requeue(arguments, place, false);
    case futex_compare_requeue: return requeue(arguments, place, true);
    case futex_wake_op: return wake_and_operate(arguments, place);
    default: return Errno::not_implemented;
  }
}

CallResult set_robust_list(const CallArguments& arguments) {
  if (arguments.value[1] != robust_list_head_size) {
    return Errno::invalid;
  }
  arguments.thread.robust_list = arguments.value[0];
  return uint64_t(0);
}

CallResult get_robust_list(const CallArguments& arguments) {
  uint64_t head = arguments.thread.robust_list;
  if (const int32_t id = arguments.integer(0); id != 0) {
    const base::Guard guard(process_lock);
    const Thread* thread = id < 0 ? nullptr : find_thread_locked(uint32_t(id));
    if (thread == nullptr) {
      return Errno::no_process;
    }
    if (!thread->is_user()) {
      return Errno::not_permitted;
    }
    head = thread->robust_list;
  }
  if (const auto written = write_user(arguments.address(2), robust_list_head_size); !written) {
    return written;
  }
  return write_user(arguments.address(1), head);
}

}  // namespace kernel::calls
