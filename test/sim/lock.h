// Lock: the simulated host's lock. Under a scheduler it blocks the fiber; alone, waiting for a lock
// is waiting for oneself and fails the test.
#pragma once

#include "base/compiler.h"
#include "sim/failure.h"
#include "sim/scheduler.h"

namespace sim {

class BASE_CAPABILITY("lock") Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void acquire() BASE_ACQUIRE() BASE_NO_THREAD_SAFETY_ANALYSIS {
    Scheduler* scheduler = Scheduler::current();
    if (scheduler == nullptr) {
      if (held_) fail(Rule::self_deadlock, "lock acquired twice");
    } else {
      if (held_ && owner_cpu_ == scheduler->running_cpu()) {
        fail(Rule::self_deadlock, "CPU %u waits for a lock that it holds", owner_cpu_);
      }
      scheduler->wait({this, Touch::acquire}, [this] { return !held_; });
      owner_cpu_ = scheduler->running_cpu();
    }
    held_ = true;
  }
  void release() BASE_RELEASE() BASE_NO_THREAD_SAFETY_ANALYSIS {
    schedule_point(this, Touch::release);
    held_ = false;
  }

 private:
  bool held_ = false;
  uint32_t owner_cpu_ = 0;
};

}  // namespace sim
