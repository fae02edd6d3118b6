// CpuFrameCache: one CPU's stock of single frames, so that get and put touch no shared line.
//
// Two magazines: frames are pushed to and popped from the active one, last in first out, so what
// was used last (and is warm in the CPU's cache) comes back first. A full active magazine is
// exchanged for the other one, which is emptied to the shared lists first: only cold frames leave,
// and a run of puts and gets around a boundary never goes to the shared lists.
// A third, small stack holds frames known to be zero.
//
// Lock: `busy_`, a bit that only this CPU normally takes. try_enter() fails when the call was
// re-entered (an interrupt handler) or another CPU is emptying the cache; the caller then uses the
// shared lists. Never held while waiting for anything but FrameAllocator's lock.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/compiler.h"
#include "base/utility.h"

namespace vm {

// Two lines of 64 bytes: the adjacent-line prefetcher pairs them.
class alignas(128) BASE_CAPABILITY("frame cache") CpuFrameCache {
 public:
  static constexpr uint32_t magazine_size = 32;
  static constexpr uint32_t zeroed_size = 16;

  [[nodiscard]] bool try_enter() BASE_TRY_ACQUIRE(true) {
    return busy_.exchange<base::Order::acquire>(1) == 0;
  }
  void leave() BASE_RELEASE() { busy_.store<base::Order::release>(0); }

  // ---- Frames of unknown contents

  // False: both magazines are empty.
  [[nodiscard]] bool pop(uint32_t& frame) BASE_REQUIRES(this) {
    if (BASE_UNLIKELY(!magazines_[active_].pop(frame))) {
      active_ ^= 1;
      return magazines_[active_].pop(frame);
    }
    return true;
  }
  // False: the active magazine is full; call exchange_full() and push again.
  [[nodiscard]] bool push(uint32_t frame) BASE_REQUIRES(this) {
    return magazines_[active_].push(frame);
  }
  // Makes the other magazine active and calls give(frame) for each cold frame that was in it.
  template <class Give>
  void exchange_full(Give&& give) BASE_REQUIRES(this) {
    active_ ^= 1;
    for (uint32_t frame; magazines_[active_].pop(frame);) give(frame);
  }

  // ---- Zeroed frames

  // False: none.
  [[nodiscard]] bool pop_zeroed(uint32_t& frame) BASE_REQUIRES(this) { return zeroed_.pop(frame); }
  // False: full.
  [[nodiscard]] bool push_zeroed(uint32_t frame) BASE_REQUIRES(this) { return zeroed_.push(frame); }

  // ---- Counts: exact while entered, else a recent value

  [[nodiscard]] uint32_t frames() const { return magazines_[0].count() + magazines_[1].count(); }
  [[nodiscard]] uint32_t zeroed_frames() const { return zeroed_.count(); }

  // Calls visit(frame) for every frame of unknown contents, visit_zeroed for the others.
  template <class Visit, class VisitZeroed>
  void for_each(Visit&& visit, VisitZeroed&& visit_zeroed) const BASE_REQUIRES(this) {
    magazines_[0].for_each(visit);
    magazines_[1].for_each(visit);
    zeroed_.for_each(visit_zeroed);
  }

 private:
  // The count is atomic for those who only read it.
  template <uint32_t capacity>
  class Stack {
   public:
    [[nodiscard]] bool pop(uint32_t& frame) {
      const uint32_t now = count();
      if (BASE_UNLIKELY(now == 0)) return false;
      frame = frames_[now - 1];
      count_.template store<base::Order::relaxed>(now - 1);
      return true;
    }
    [[nodiscard]] bool push(uint32_t frame) {
      const uint32_t now = count();
      if (BASE_UNLIKELY(now == capacity)) return false;
      frames_[now] = frame;
      count_.template store<base::Order::relaxed>(now + 1);
      return true;
    }
    [[nodiscard]] uint32_t count() const { return count_.template load<base::Order::relaxed>(); }
    template <class Visit>
    void for_each(Visit&& visit) const {
      for (uint32_t i = 0; i < count(); ++i) visit(frames_[i]);
    }

   private:
    base::Atomic<uint32_t> count_{0};
    uint32_t frames_[capacity] = {};
  };

  base::Atomic<uint32_t> busy_{0};
  uint32_t active_ = 0;
  Stack<zeroed_size> zeroed_;
  Stack<magazine_size> magazines_[2];
};

}  // namespace vm
