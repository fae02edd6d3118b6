// timer.h: doing something at a moment of monotonic time.
//
// A Timer belongs to its maker, who cancels it before it dies. Callbacks run in interrupt context,
// with interrupts masked and no lock held: they wake somebody, at most start another timer. They
// run on the CPU that started the timer, one at a time there. Each CPU's pending timers are kept
// sorted: starting one costs a step for each that ends later.
#pragma once

#include <cstdint>

#include "base/list.h"

namespace kernel {

// A moment of cpu::monotonic_ns(), or never.
class Deadline {
 public:
  [[nodiscard]] static constexpr Deadline never() { return Deadline(~0ULL); }
  [[nodiscard]] static constexpr Deadline at_ns(uint64_t moment) { return Deadline(moment); }
  // `duration` from now on; a sum past the end of time is never.
  [[nodiscard]] static Deadline after_ns(uint64_t duration);

  [[nodiscard]] constexpr bool is_never() const { return ns_ == ~0ULL; }
  [[nodiscard]] constexpr uint64_t ns() const { return ns_; }
  [[nodiscard]] bool has_passed() const;

 private:
  explicit constexpr Deadline(uint64_t ns) : ns_(ns) {}
  uint64_t ns_;
};

class Timer {
 public:
  using Callback = void (*)(void* context, Timer& timer);

  constexpr Timer(Callback callback, void* context) : callback_(callback), context_(context) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  // From any context, also from the callback. A pending timer is moved. Deadline::never(): cancel.
  void start(Deadline deadline);
  // Afterwards the callback does not run and is not running (unless it is the caller).
  void cancel();
  [[nodiscard]] bool is_pending() const;

 private:
  friend class TimerQueue;
  base::ListNode node_;
  uint64_t moment_ = 0;
  uint32_t cpu_ = 0;  // in whose list
  Callback callback_;
  void* context_;
};

// From the timer interrupt, interrupts masked: runs what is due.
void run_timers();
// Arms this CPU's timer for the next moment anything is due here, at most `longest_ns` from now;
// without: not at all when nothing is. Interrupts masked.
void arm_next_timer(uint64_t longest_ns);
void arm_next_timer();

}  // namespace kernel
