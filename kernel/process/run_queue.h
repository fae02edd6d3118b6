// run_queue.h: the ready threads of one CPU, in the order in which they will run.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/list.h"
#include "kernel/host/spin_lock.h"
#include "kernel/process/thread.h"

namespace kernel {

class alignas(128) RunQueue {
 public:
  // `thread` is ready, off every CPU, and in no queue; run_lock_ held by the caller.
  void push(Thread& thread) {
    const base::Guard guard(lock_);
    threads_.push_back(thread);
    count_.store<base::Order::relaxed>(size() + 1);
  }
  // The first; it is the caller's to run from now on.
  Thread* pop() {
    const base::Guard guard(lock_);
    return taken(threads_.pop_front());
  }
  // The first that may run on `cpu`.
  Thread* steal_for(uint32_t cpu) {
    const base::Guard guard(lock_);
    for (Thread* at = threads_.front(); at != nullptr; at = threads_.next(*at)) {
      if (at->affinity().contains(cpu)) {
        threads_.remove(*at);
        return taken(at);
      }
    }
    return nullptr;
  }
  // Whether there is one that may run on `cpu`.
  [[nodiscard]] bool has_for(uint32_t cpu) {
    const base::Guard guard(lock_);
    for (Thread* at = threads_.front(); at != nullptr; at = threads_.next(*at)) {
      if (at->affinity().contains(cpu)) {
        return true;
      }
    }
    return false;
  }
  // Whether it was there, and is not any more. run_lock_ held.
  bool remove(Thread& thread) {
    const base::Guard guard(lock_);
    if (!thread.run_node_.linked()) {
      return false;
    }
    threads_.remove(thread);
    return taken(&thread) != nullptr;
  }

  // Of any moment.
  [[nodiscard]] uint32_t size() const { return count_.load<base::Order::relaxed>(); }

 private:
  Thread* taken(Thread* thread) BASE_REQUIRES(lock_) {
    if (thread != nullptr) {
      count_.store<base::Order::relaxed>(size() - 1);
    }
    return thread;
  }

  SpinLock lock_{LockRank::run_queue};
  base::List<Thread, &Thread::run_node_> threads_ BASE_GUARDED_BY(lock_);
  base::Atomic<uint32_t> count_{0};
};

}  // namespace kernel
