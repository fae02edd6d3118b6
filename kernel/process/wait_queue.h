// wait_queue.h: threads that wait for something, and those who make it happen.
//
//   const WaitResult result = wait_until(queue, WaitKind::interruptible, Deadline::never(),
//                                        [&] { const base::Guard g(lock_); return ready_; });
//
// A waiter is in the queue before it looks at its condition, so whoever changes the state first and
// wakes the queue afterwards is never missed. Waking is a hint: the condition decides.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/list.h"
#include "kernel/host/spin_lock.h"
#include "kernel/process/timer.h"

namespace kernel {

class Thread;

// What ends a wait early.
enum class WaitKind : uint8_t {
  uninterruptible,  // nothing: for what is bound to happen soon
  killable,         // the thread has to end
  interruptible,    // that, or a signal is to be delivered
};

enum class WaitResult : uint8_t { ready, interrupted, timed_out };

class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  // From any context but NMI; the caller may hold spin locks.
  void wake_all();
  // The one that has waited longest among those not woken since they looked last.
  void wake_one();
  // Nobody waits just now: a hint for those who can save the waking.
  [[nodiscard]] bool is_empty() const;

 private:
  friend class MultiWait;
  struct Waiter {
    base::ListNode node;
    Thread* thread = nullptr;
    WaitQueue* queue = nullptr;
    bool woken = false;
  };
  void add(Waiter& waiter);
  void look_again(Waiter& waiter);
  void remove(Waiter& waiter);

  mutable SpinLock lock_{LockRank::wait_queue};
  base::List<Waiter, &Waiter::node> waiters_ BASE_GUARDED_BY(lock_);
  base::Atomic<uint32_t> size_{0};  // of waiters_, for those without the lock
};

// One thread's wait, on any number of queues: on the stack of the waiter, who calls
//   add() for each queue; then prepare(), look at its condition, block(), and again.
// The queues outlive it.
class MultiWait {
 public:
  // Queues that need no memory from the heap.
  static constexpr size_t inline_queues = 4;

  MultiWait(WaitKind kind, Deadline deadline);
  MultiWait(const MultiWait&) = delete;
  MultiWait& operator=(const MultiWait&) = delete;
  // The thread runs and is in no queue.
  ~MultiWait();

  // False: out of memory; the queue was not added.
  [[nodiscard]] bool add(WaitQueue& queue);

  // From here on a wake-up is not lost. Then the caller looks at its condition.
  void prepare();
  // Returns at the next wake-up since prepare() with `ready` (look again), or why not to wait.
  // No lock held.
  [[nodiscard]] WaitResult block();

 private:
  struct More;  // a page of further waiters
  static void time_out(void* context, Timer& timer);

  Thread& thread_;
  const WaitKind kind_;
  const Deadline deadline_;
  Timer timer_;
  WaitQueue::Waiter waiters_[inline_queues];
  size_t count_ = 0;
  More* more_ = nullptr;
};

// No spin lock is held, or it is a panic.
void check_may_wait();

// Blocks until condition() is true, which is called with the thread about to sleep: it must not
// block, fault or take long; it may take spin locks that wakers hold. No lock held by the caller.
template <typename Condition>
WaitResult wait_until(WaitQueue& queue, WaitKind kind, Deadline deadline, Condition&& condition) {
  check_may_wait();
  if (condition()) {
    return WaitResult::ready;
  }
  MultiWait wait(kind, deadline);
  (void)wait.add(queue);
  for (;;) {
    wait.prepare();
    if (condition()) {
      return WaitResult::ready;
    }
    if (const WaitResult result = wait.block(); result != WaitResult::ready) {
      return result;
    }
  }
}

// Just time. timed_out: the deadline has come.
[[nodiscard]] WaitResult sleep_until(Deadline deadline, WaitKind kind);

}  // namespace kernel
