#include "kernel/process/futex.h"

#include "kernel/memory/quick_access.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

// Brings the word in after a quick access to it failed.
Outcome<> bring_in(const FutexPlace& place) {
  const auto value = usercopy::load_user<uint32_t>(place.address);
  return value ? Outcome<>() : Outcome<>(value.error());
}
Outcome<> bring_in_for_writing(const FutexPlace& place) {
  const auto value = usercopy::fetch_or_user<uint32_t>(place.address, 0);
  return value || value.error() == base::Error::would_block ? Outcome<>()
                                                            : Outcome<>(value.error());
}

// Enters the queue if the word is as expected. Error::fault: not there just now.
base::Status enter(FutexWaiter& waiter, const FutexPlace& place, uint32_t expected) {
  FutexBucket& bucket = futex_bucket(waiter.key);
  const base::Guard guard(bucket.lock);
  const QuickAccess quick;
  BASE_TRY_ASSIGN(const uint32_t value, usercopy::load_user<uint32_t>(place.address));
  if (value != expected) {
    return base::Error::would_block;
  }
  bucket.add(waiter);
  return {};
}

Outcome<> enter_or_fault(FutexWaiter& waiter, const FutexPlace& place, uint32_t expected) {
  for (;;) {
    const base::Status entered = enter(waiter, place, expected);
    if (entered.ok() || entered.error() != base::Error::fault) {
      return entered;
    }
    BASE_TRY(bring_in(place));
  }
}

// With the bucket locked. Error::fault: not there just now.
base::Result<uint32_t> change(const FutexPlace& place, const FutexOperation& operation) {
  const QuickAccess quick;
  const auto operand = uint32_t(operation.operand);
  for (;;) {
    auto before = [&] {
      switch (operation.change) {
        case FutexOperation::Change::set: return usercopy::exchange_user(place.address, operand);
        case FutexOperation::Change::add: return usercopy::fetch_add_user(place.address, operand);
        case FutexOperation::Change::set_bits:
          return usercopy::fetch_or_user(place.address, operand);
        case FutexOperation::Change::clear_bits:
          return usercopy::fetch_and_user(place.address, ~operand);
        case FutexOperation::Change::flip_bits: break;
      }
      return usercopy::fetch_xor_user(place.address, operand);
    }();
    if (before || before.error() != base::Error::would_block) {
      return before;
    }
  }
}

Outcome<bool> holds(const FutexOperation& operation, int32_t value) {
  switch (operation.compare) {
    case FutexOperation::Compare::equal: return value == operation.compared;
    case FutexOperation::Compare::not_equal: return value != operation.compared;
    case FutexOperation::Compare::less: return value < operation.compared;
    case FutexOperation::Compare::at_most: return value <= operation.compared;
    case FutexOperation::Compare::greater: return value > operation.compared;
    case FutexOperation::Compare::at_least: return value >= operation.compared;
  }
  return Errno::not_implemented;
}

}  // namespace

Outcome<> wait_on_futex(UserSpace& space, const FutexPlace& place, uint32_t expected,
                        const Moment& until, uint32_t bits) {
  FutexWaiter waiter;
  BASE_TRY_ASSIGN(waiter.key, FutexKey::find(space, place, base::Right::read));
  waiter.thread = &current_thread();
  waiter.bits = bits;
  BASE_TRY(enter_or_fault(waiter, place, expected));
  const WaitResult result = wait_until(nullptr, WaitKind::interruptible, until,
                                       [&waiter] { return is_futex_waiter_woken(waiter); });
  if (!leave_futex_queue(waiter)) {
    return {};
  }
  return result == WaitResult::timed_out ? Errno::timed_out : Errno::restart;
}

Outcome<uint32_t> wake_futex(UserSpace& space, const FutexPlace& place, int32_t count,
                             uint32_t bits) {
  BASE_TRY_ASSIGN(const FutexKey key, FutexKey::find(space, place, base::Right::read));
  FutexBucket& bucket = futex_bucket(key);
  const base::Guard guard(bucket.lock);
  return bucket.wake(key, count, bits);
}

Outcome<uint32_t> requeue_futex(UserSpace& space, const FutexRequeue& request) {
  for (;;) {
    BASE_TRY_ASSIGN(const FutexKey from, FutexKey::find(space, request.from, base::Right::read));
    BASE_TRY_ASSIGN(const FutexKey to, FutexKey::find(space, request.to, base::Right::read));
    base::Result<uint32_t> moved = [&]() -> base::Result<uint32_t> {
      FutexBuckets buckets(from, to);
      if (request.expected.has_value()) {
        const QuickAccess quick;
        BASE_TRY_ASSIGN(const uint32_t value, usercopy::load_user<uint32_t>(request.from.address));
        if (value != *request.expected) {
          return base::Error::would_block;
        }
      }
      return buckets.requeue(from, to, request.wake_count, request.move_count);
    }();
    if (moved || moved.error() != base::Error::fault) {
      return moved ? Outcome<uint32_t>(moved.value()) : Outcome<uint32_t>(moved.error());
    }
    BASE_TRY(bring_in(request.from));
  }
}

Outcome<FutexOperation> FutexOperation::decode(uint32_t encoded) {
  const auto signed_field = [encoded](unsigned low) {
    return int32_t(encoded << (20 - low)) >> 20;  // 12 bits
  };
  const uint32_t change = encoded >> 28 & 7;
  if (change > uint32_t(Change::flip_bits)) {
    return Errno::not_implemented;
  }
  const bool is_shift = (encoded >> 31) != 0;
  const int32_t operand = signed_field(12);
  return FutexOperation{Change(change), Compare(encoded >> 24 & 15),
                        is_shift ? int32_t(1u << (uint32_t(operand) & 31)) : operand,
                        signed_field(0)};
}

Outcome<uint32_t> wake_futex_and_operate(UserSpace& space, const FutexWakeOperation& request) {
  for (;;) {
    BASE_TRY_ASSIGN(const FutexKey first, FutexKey::find(space, request.place, base::Right::read));
    BASE_TRY_ASSIGN(const FutexKey second,
                    FutexKey::find(space, request.changed, base::Right::write));
    Outcome<uint32_t> woken = [&]() -> Outcome<uint32_t> {
      FutexBuckets buckets(first, second);
      BASE_TRY_ASSIGN(const uint32_t before, change(request.changed, request.operation));
      BASE_TRY_ASSIGN(const bool also_second, holds(request.operation, int32_t(before)));
      uint32_t count = buckets.wake_first(first, request.count);
      if (also_second) {
        count += buckets.wake_second(second, request.changed_count);
      }
      return count;
    }();
    if (woken || woken.error() != Errno::bad_address) {
      return woken;
    }
    BASE_TRY(bring_in_for_writing(request.changed));
  }
}

}  // namespace kernel
