// mutex.h: mutual exclusion for holders that may block: around copies of user memory and calls of
// file systems. Taken through base::Guard; no spin lock held. Not recursive.
#pragma once

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "kernel/process/wait_queue.h"

namespace kernel {

class BASE_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void acquire() BASE_ACQUIRE() {
    (void)wait_until(queue_, WaitKind::uninterruptible, Deadline::never(),
                     [this] { return taken_.exchange<base::Order::acquire>(1) == 0; });
  }
  void release() BASE_RELEASE() {
    taken_.store<base::Order::sequential>(0);
    queue_.wake_one();
  }

 private:
  base::Atomic<uint32_t> taken_{0};
  WaitQueue queue_;
};

}  // namespace kernel
