// interval_timer.h: a process's timers that end in signals (setitimer, alarm).
#pragma once

#include <cstdint>

#include "kernel/process/process_table.h"
#include "kernel/process/timer.h"

namespace kernel {

enum class TimerKind : uint8_t {
  real,          // monotonic time; SIGALRM
  virtual_time,  // processor time in user mode; SIGVTALRM
  profile,       // processor time; SIGPROF
};

// Nanoseconds. value 0: off; interval 0: once.
struct TimerSetting {
  uint64_t value = 0;
  uint64_t interval = 0;
};

class IntervalTimers {
 public:
  explicit IntervalTimers(Process& owner) : owner_(owner), alarm_(ring, this) {}

  // How long it takes until the next signal, and what then.
  [[nodiscard]] TimerSetting get(TimerKind kind) BASE_REQUIRES(process_lock);
  // Returns what was set before.
  TimerSetting set(TimerKind kind, TimerSetting setting) BASE_REQUIRES(process_lock);

  // The process has used processor time. From the timer interrupt.
  void account();
  // Its memory is about to go: no more signals. No lock held.
  void stop() { alarm_.cancel(); }

 private:
  // When the timer next expires on its clock, and again after; 0: never.
  struct State {
    uint64_t expiry = 0;
    uint64_t interval = 0;
  };
  static void ring(void* self, Timer& timer);
  [[nodiscard]] uint64_t now(TimerKind kind) const BASE_REQUIRES(process_lock);
  // Whether it has expired; sets it for the next time.
  bool expire(TimerKind kind) BASE_REQUIRES(process_lock);

  Process& owner_;
  State states_[3] BASE_GUARDED_BY(process_lock);
  base::Atomic<uint32_t> counts_processor_time_{0};
  Timer alarm_;
};

}  // namespace kernel
