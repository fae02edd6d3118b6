// moment.h: a point in time by one of the clocks, and waiting for it.
//
// A moment of the wall clock comes sooner or later when that clock is set; who waits for one is
// woken then and looks anew.
#pragma once

#include <cstdint>

#include "kernel/process/wait_queue.h"

namespace kernel {

class Moment {
 public:
  [[nodiscard]] static constexpr Moment never() { return {Kind::never, 0}; }
  [[nodiscard]] static constexpr Moment monotonic(uint64_t ns) { return {Kind::monotonic, ns}; }
  [[nodiscard]] static constexpr Moment wall(uint64_t ns) { return {Kind::wall, ns}; }
  // `duration` from now on.
  [[nodiscard]] static Moment after_ns(uint64_t duration);

  [[nodiscard]] constexpr bool is_never() const { return kind_ == Kind::never; }
  [[nodiscard]] constexpr bool is_wall() const { return kind_ == Kind::wall; }
  // By its own clock; nothing for never().
  [[nodiscard]] constexpr uint64_t ns() const { return ns_; }
  // As the clocks are now.
  [[nodiscard]] Deadline deadline() const;

 private:
  enum class Kind : uint8_t { never, monotonic, wall };
  constexpr Moment(Kind kind, uint64_t ns) : kind_(kind), ns_(ns) {}
  Kind kind_;
  uint64_t ns_;
};

// Sets the time of day and wakes who waits for a moment of it.
void set_wall_clock(uint64_t ns);
// Where they wait.
[[nodiscard]] WaitQueue& wall_clock_changes();

// wait_until() for a moment; without a queue somebody wakes the thread itself.
template <typename Condition>
WaitResult wait_until(WaitQueue* queue, WaitKind kind, const Moment& moment,
                      Condition&& condition) {
  for (;;) {
    const Deadline deadline = moment.deadline();
    MultiWait wait(kind, deadline);
    if (queue != nullptr) {
      (void)wait.add(*queue);
    }
    if (moment.is_wall()) {
      (void)wait.add(wall_clock_changes());
    }
    do {
      wait.prepare();
      if (condition()) {
        return WaitResult::ready;
      }
      if (moment.deadline().ns() != deadline.ns()) {
        break;
      }
      if (const WaitResult result = wait.block(); result != WaitResult::ready) {
        return result;
      }
    } while (true);
  }
}

}  // namespace kernel
