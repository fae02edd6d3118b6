// futex.h: waiting for a word of user memory to change, and telling those who wait.
//
// A waiter and its queue entry live on the waiter's kernel stack. The word is compared with its
// bucket locked, as is every wake-up: whoever changes the word and then wakes misses nobody.
//
// All run on a thread of the space that is named, with no lock held, and may bring pages in.
// Errors common to all: EINVAL (not aligned to 4 bytes), EFAULT.
#pragma once

#include <cstdint>

#include "kernel/process/futex_table.h"
#include "kernel/process/moment.h"

namespace kernel {

// Until woken. EAGAIN: the word was not `expected`; ETIMEDOUT; Errno::restart: a signal came.
[[nodiscard]] Outcome<> wait_on_futex(UserSpace& space, const FutexPlace& place, uint32_t expected,
                                      const Moment& until, uint32_t bits);

// Wakes up to `count` (at least one), those who wait longest first; returns how many.
[[nodiscard]] Outcome<uint32_t> wake_futex(UserSpace& space, const FutexPlace& place, int32_t count,
                                           uint32_t bits);

struct FutexRequeue {
  FutexPlace from;
  FutexPlace to;
  uint32_t wake_count = 0;
  uint32_t move_count = 0;
  base::Optional<uint32_t> expected;  // at `from`
};
// Wakes some, lets others wait at `to` from now on; returns how many of both.
// EAGAIN: the word was not as expected.
[[nodiscard]] Outcome<uint32_t> requeue_futex(UserSpace& space, const FutexRequeue& request);

// An operation on a word, and a comparison of what was there before.
struct FutexOperation {
  enum class Change : uint8_t { set, add, set_bits, clear_bits, flip_bits };
  enum class Compare : uint8_t { equal, not_equal, less, at_most, greater, at_least };

  Change change;
  Compare compare;
  int32_t operand;
  int32_t compared;

  // As FUTEX_WAKE_OP encodes it. ENOSYS: an unknown change.
  [[nodiscard]] static Outcome<FutexOperation> decode(uint32_t encoded);
};
struct FutexWakeOperation {
  FutexPlace place;
  int32_t count;
  FutexPlace changed;  // the word operated on
  int32_t changed_count;
  FutexOperation operation;
};
// Operates on the second word; wakes waiters of the first, and if the comparison holds, of the
// second; returns how many of both. ENOSYS, with the word changed: an unknown comparison.
[[nodiscard]] Outcome<uint32_t> wake_futex_and_operate(UserSpace& space,
                                                       const FutexWakeOperation& request);

}  // namespace kernel
