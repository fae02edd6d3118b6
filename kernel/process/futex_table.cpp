#include "kernel/process/futex_table.h"

#include "kernel/process/scheduler.h"

namespace kernel {

namespace {

constexpr uint64_t bucket_count = 256;
[[clang::no_destroy]] constinit FutexBucket buckets[bucket_count];

// The thread's waiter is gone as soon as its bucket is unlocked.
void wake_waiter(FutexBucket& bucket, FutexWaiter& waiter) BASE_REQUIRES(bucket.lock) {
  bucket.waiters.remove(waiter);
  waiter.is_woken = true;
  wake(*waiter.thread);
}

// Runs action(bucket) with the waiter's bucket locked, wherever it is by then.
template <typename Action>
bool in_bucket_of(const FutexWaiter& waiter, Action&& action) {
  for (;;) {
    FutexBucket& bucket = *waiter.bucket.load<base::Order::acquire>();
    const base::Guard guard(bucket.lock);
    if (waiter.bucket.load<base::Order::relaxed>() == &bucket) {
      return action(bucket);
    }
  }
}

}  // namespace

FutexBucket& futex_bucket(const FutexKey& key) {
  return buckets[key.hash() % bucket_count];
}

void FutexBucket::add(FutexWaiter& waiter) {
  waiter.bucket.store<base::Order::release>(this);
  waiters.push_back(waiter);
}

uint32_t FutexBucket::wake(const FutexKey& key, int32_t count, uint32_t bits) {
  uint32_t woken = 0;
  for (FutexWaiter* at = waiters.front(); at != nullptr;) {
    FutexWaiter* next = waiters.next(*at);
    if (at->key == key && (at->bits & bits) != 0) {
      wake_waiter(*this, *at);
      if (int32_t(++woken) >= count) {
        break;
      }
    }
    at = next;
  }
  return woken;
}

bool is_futex_waiter_woken(FutexWaiter& waiter) {
  return in_bucket_of(waiter, [&waiter](FutexBucket&) { return waiter.is_woken; });
}

bool leave_futex_queue(FutexWaiter& waiter) {
  return in_bucket_of(waiter, [&waiter](FutexBucket& bucket) BASE_NO_THREAD_SAFETY_ANALYSIS {
    if (!waiter.is_woken) {
      bucket.waiters.remove(waiter);
    }
    return !waiter.is_woken;
  });
}

// By ascending address, so that two callers cannot wait for each other.
FutexBuckets::FutexBuckets(const FutexKey& first,
                           const FutexKey& second) BASE_NO_THREAD_SAFETY_ANALYSIS
    : first_(futex_bucket(first)),
      second_(futex_bucket(second)) {
  FutexBucket& lower = &first_ < &second_ ? first_ : second_;
  FutexBucket& upper = &first_ < &second_ ? second_ : first_;
  lower.lock.acquire();
  if (&lower != &upper) {
    upper.lock.acquire();
  }
}

FutexBuckets::~FutexBuckets() BASE_NO_THREAD_SAFETY_ANALYSIS {
  FutexBucket& lower = &first_ < &second_ ? first_ : second_;
  FutexBucket& upper = &first_ < &second_ ? second_ : first_;
  if (&lower != &upper) {
    upper.lock.release();
  }
  lower.lock.release();
}

uint32_t FutexBuckets::wake_first(const FutexKey& key,
                                  int32_t count) BASE_NO_THREAD_SAFETY_ANALYSIS {
  return first_.wake(key, count, futex_any_bit);
}
uint32_t FutexBuckets::wake_second(const FutexKey& key,
                                   int32_t count) BASE_NO_THREAD_SAFETY_ANALYSIS {
  return second_.wake(key, count, futex_any_bit);
}

uint32_t FutexBuckets::requeue(const FutexKey& from, const FutexKey& to, uint32_t wake_count,
                               uint32_t move_count) BASE_NO_THREAD_SAFETY_ANALYSIS {
  uint64_t done = 0;
  for (FutexWaiter* at = first_.waiters.front(); at != nullptr;) {
    if (done >= uint64_t(wake_count) + move_count) {
      break;
    }
    FutexWaiter* next = first_.waiters.next(*at);
    if (at->key == from) {
      if (done < wake_count) {
        wake_waiter(first_, *at);
      } else {
        at->key = to;  // the caller's key keeps what the old one did
        if (&first_ != &second_) {
          first_.waiters.remove(*at);
          second_.add(*at);
        }
      }
      ++done;
    }
    at = next;
  }
  return uint32_t(done);
}

}  // namespace kernel
