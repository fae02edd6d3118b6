#include "kernel/process/timer.h"

#include "base/atomic.h"
#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "cpu/timer.h"
#include "kernel/host/cpu_mask.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/shootdown.h"

namespace kernel {

// One lock for all CPUs' lists, because a timer may be started anew or cancelled anywhere. A tick
// with nothing due does not take it: with more processors than the host runs at once, handing a
// lock from one to the next takes longer than a time slice, and they would do nothing else.
class TimerQueue {
 public:
  void start(Timer& timer, uint64_t moment) {
    const cpu::InterruptGuard masked;
    const uint32_t self = cpu::this_cpu().index;
    bool is_first = false;
    {
      const base::Guard guard(lock_);
      remove(timer);
      timer.moment_ = moment;
      timer.cpu_ = self;
      insert(cpus_[self].pending, timer);
      cpus_[self].note_first();
      is_first = cpus_[self].pending.front() == &timer;
    }
    if (is_first) {
      arm(moment);
    }
  }

  void cancel(Timer& timer) {
    for (;;) {
      {
        const base::Guard guard(lock_);
        remove(timer);
        if (!is_running_elsewhere(timer)) {
          return;
        }
      }
      cpu::pause();
      serve_shootdowns();
    }
  }

  bool is_pending(const Timer& timer) {
    const base::Guard guard(lock_);
    return timer.node_.linked();
  }

  // Interrupts masked.
  void run() {
    const uint64_t now = cpu::monotonic_ns();
    Cpu& mine = cpus_[cpu::this_cpu().index];
    while (mine.first.load<base::Order::relaxed>() <= now) {
      Timer* due = nullptr;
      {
        const base::Guard guard(lock_);
        due = mine.pending.front();
        if (due == nullptr || due->moment_ > now) {
          return;
        }
        mine.pending.remove(*due);
        mine.note_first();
        mine.running = due;
        ++running_;
      }
      due->callback_(due->context_, *due);
      const base::Guard guard(lock_);
      mine.running = nullptr;
      --running_;
    }
  }

  // Interrupts masked.
  void arm_next(uint64_t longest_ns) {
    Cpu& mine = cpus_[cpu::this_cpu().index];
    const uint64_t longest = longest_ns == never ? never : cpu::monotonic_ns() + longest_ns;
    const uint64_t first = mine.first.load<base::Order::relaxed>();
    const uint64_t moment = first < longest ? first : longest;
    mine.armed = never;
    if (moment == never) {
      cpu::stop_timer();
    } else {
      arm(moment);
    }
  }

  static constexpr uint64_t never = ~0ULL;

 private:
  using List = base::List<Timer, &Timer::node_>;
  struct alignas(64) Cpu {
    List pending;
    Timer* running = nullptr;
    // The moment of the first pending one. Written under the lock; only this CPU makes it earlier,
    // with interrupts masked, so that here it is never later than the truth.
    base::Atomic<uint64_t> first{never};
    // Of this CPU alone, interrupts masked: nothing is armed before the first arm_next().
    uint64_t armed = 0;

    void note_first() {
      const Timer* timer = pending.front();
      first.store<base::Order::relaxed>(timer == nullptr ? never : timer->moment_);
    }
  };

  void remove(Timer& timer) BASE_REQUIRES(lock_) {
    if (timer.node_.linked()) {
      cpus_[timer.cpu_].pending.remove(timer);
      cpus_[timer.cpu_].note_first();
    }
  }

  // The callback itself, on the CPU that runs it, may go on.
  bool is_running_elsewhere(const Timer& timer) BASE_REQUIRES(lock_) {
    if (running_ == 0) {
      return false;
    }
    const uint32_t self = cpu::this_cpu().index;
    for (uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
      if (cpu != self && cpus_[cpu].running == &timer) {
        return true;
      }
    }
    return false;
  }

  static void insert(List& list, Timer& timer) {
    for (Timer* at = list.back(); at != nullptr; at = list.previous(*at)) {
      if (at->moment_ <= timer.moment_) {
        if (Timer* next = list.next(*at)) {
          list.insert_before(*next, timer);
        } else {
          list.push_back(timer);
        }
        return;
      }
    }
    list.push_front(timer);
  }

  // Earlier than what this CPU's timer is armed for. Interrupts masked.
  void arm(uint64_t moment) {
    uint64_t& armed = cpus_[cpu::this_cpu().index].armed;
    if (moment >= armed) {
      return;
    }
    armed = moment;
    const uint64_t now = cpu::monotonic_ns();
    cpu::start_one_shot(moment > now + least_delay_ns ? moment - now : least_delay_ns);
  }

  static constexpr uint64_t least_delay_ns = 1000;

  SpinLock lock_{LockRank::timers};
  Cpu cpus_[max_cpus];
  uint32_t running_ BASE_GUARDED_BY(lock_) = 0;  // callbacks, on all CPUs
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
void arm_next_timer() {
  queue.arm_next(TimerQueue::never);
}

}  // namespace kernel
