#include "kernel/process/timer.h"

#include "base/atomic.h"
#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "cpu/timer.h"
#include "kernel/host/spin_lock.h"

namespace kernel {

class TimerQueue {
 public:
  void start(Timer& timer, uint64_t moment) {
    bool is_first = false;
    {
      const base::Guard guard(lock_);
      if (timer.node_.linked()) {
        pending_.remove(timer);
      }
      timer.moment_ = moment;
      insert(timer);
      is_first = pending_.front() == &timer;
    }
    if (is_first) {
      const cpu::InterruptGuard masked;
      arm(moment);
    }
  }

  void cancel(Timer& timer) {
    for (;;) {
      {
        const base::Guard guard(lock_);
        if (timer.node_.linked()) {
          pending_.remove(timer);
        }
        // Only an interrupt handler of another CPU, or the callback itself, finds it running.
        if (running_ != &timer || runner_ == cpu::this_cpu().index) {
          return;
        }
      }
      cpu::pause();
    }
  }

  bool is_pending(const Timer& timer) {
    const base::Guard guard(lock_);
    return timer.node_.linked();
  }

  void run() {
    const uint64_t now = cpu::monotonic_ns();
    for (;;) {
      Timer* due = nullptr;
      {
        const base::Guard guard(lock_);
        if (running_ != nullptr) {
          return;  // another CPU is at it, and looks again when it has finished
        }
        due = pending_.front();
        if (due == nullptr || due->moment_ > now) {
          return;
        }
        pending_.remove(*due);
        running_ = due;
        runner_ = cpu::this_cpu().index;
      }
      due->callback_(due->context_, *due);
      const base::Guard guard(lock_);
      running_ = nullptr;
    }
  }

  // Interrupts masked.
  void arm_next(uint64_t longest_ns) {
    const uint64_t now = cpu::monotonic_ns();
    uint64_t moment = now + longest_ns;
    {
      const base::Guard guard(lock_);
      const Timer* first = pending_.front();
      if (first != nullptr && first->moment_ < moment) {
        moment = first->moment_;
      }
    }
    armed_ = ~0ULL;
    arm(moment);
  }

 private:
  void insert(Timer& timer) BASE_REQUIRES(lock_) {
    for (Timer* at = pending_.back(); at != nullptr; at = pending_.previous(*at)) {
      if (at->moment_ <= timer.moment_) {
        if (Timer* next = pending_.next(*at)) {
          pending_.insert_before(*next, timer);
        } else {
          pending_.push_back(timer);
        }
        return;
      }
    }
    pending_.push_front(timer);
  }

  // Earlier than what this CPU's timer is armed for. Interrupts masked.
  void arm(uint64_t moment) {
    if (moment >= armed_) {
      return;
    }
    armed_ = moment;
    const uint64_t now = cpu::monotonic_ns();
    cpu::start_one_shot(moment > now + least_delay_ns ? moment - now : least_delay_ns);
  }

  static constexpr uint64_t least_delay_ns = 1000;

  SpinLock lock_;
  base::List<Timer, &Timer::node_> pending_ BASE_GUARDED_BY(lock_);
  Timer* running_ BASE_GUARDED_BY(lock_) = nullptr;
  uint32_t runner_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t armed_ = 0;  // nothing is armed before the first arm_next()
};

namespace {
[[clang::no_destroy]] constinit TimerQueue queue;
}

Deadline Deadline::after_ns(uint64_t duration) {
  const uint64_t now = cpu::monotonic_ns();
  return duration >= ~0ULL - now ? never() : at_ns(now + duration);
}

bool Deadline::has_passed() const {
  return !is_never() && cpu::monotonic_ns() >= ns_;
}

void Timer::start(Deadline deadline) {
  if (deadline.is_never()) {
    cancel();
  } else {
    queue.start(*this, deadline.ns());
  }
}
void Timer::cancel() {
  queue.cancel(*this);
}
bool Timer::is_pending() const {
  return queue.is_pending(*this);
}

void run_timers() {
  queue.run();
}
void arm_next_timer(uint64_t longest_ns) {
  queue.arm_next(longest_ns);
}

}  // namespace kernel
