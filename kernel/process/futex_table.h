// futex_table.h: who waits for which futex word: buckets of waiters, by key.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/list.h"
#include "kernel/host/spin_lock.h"
#include "kernel/process/futex_key.h"

namespace kernel {

class Thread;
struct FutexBucket;

// Waiters choose which wake-ups they answer to, by sharing a bit with them.
inline constexpr uint32_t futex_any_bit = ~0u;

// On the waiting thread's stack. Between enter and leave everything but `thread` is guarded by the
// lock of its bucket.
struct FutexWaiter {
  base::ListNode node;
  FutexKey key;
  uint32_t bits = 0;
  Thread* thread = nullptr;
  // Where it is, or was when it was woken; changed with the old and the new one locked.
  base::Atomic<FutexBucket*> bucket{nullptr};
  bool is_woken = false;  // and in no list
};

struct FutexBucket {
  SpinLock lock{LockRank::futexes};
  base::List<FutexWaiter, &FutexWaiter::node> waiters BASE_GUARDED_BY(lock);

  void add(FutexWaiter& waiter) BASE_REQUIRES(lock);
  // Up to `count` of the waiters with `key` and one of `bits`, at least one; returns how many.
  uint32_t wake(const FutexKey& key, int32_t count, uint32_t bits) BASE_REQUIRES(lock);
};

[[nodiscard]] FutexBucket& futex_bucket(const FutexKey& key);

// Whether the waiter has been taken out of its queue by a wake-up. For its own thread.
[[nodiscard]] bool is_futex_waiter_woken(FutexWaiter& waiter);
// Takes the waiter out. False: it was woken before that.
[[nodiscard]] bool leave_futex_queue(FutexWaiter& waiter);

// The buckets of two keys, locked; they may be one and the same.
class FutexBuckets {
 public:
  FutexBuckets(const FutexKey& first, const FutexKey& second);
  ~FutexBuckets();
  FutexBuckets(const FutexBuckets&) = delete;
  FutexBuckets& operator=(const FutexBuckets&) = delete;

  // Up to `count` waiters, at least one, of the first or second key; returns how many.
  uint32_t wake_first(const FutexKey& key, int32_t count);
  uint32_t wake_second(const FutexKey& key, int32_t count);
  // Wakes up to `wake_count` waiters of `from`, then moves up to `move_count` to `to`, the keys
  // these buckets were made for.
  uint32_t requeue(const FutexKey& from, const FutexKey& to, uint32_t wake_count,
                   uint32_t move_count);

 private:
  FutexBucket& first_;
  FutexBucket& second_;
};

}  // namespace kernel
