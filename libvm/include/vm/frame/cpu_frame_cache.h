// CpuFrameCache: one CPU's stock of single frames, so that get and put touch no shared line.
//
// A stack: what was freed last (and is warm in the CPU's cache) comes back first. When it is full a
// batch of the oldest leaves, when it is empty a batch comes, so that gets and puts around either
// edge stay with the CPU, and so does work that takes and gives back up to three batches in turns.
// A second, small stack holds frames known to be zero.
//
// An entry is the frame's record, whose link holds the frame's number while it is here.
//
// Lock: `busy_`, a bit that only this CPU normally takes. try_enter() fails when the call was
// re-entered (an interrupt handler) or another CPU is emptying the cache; the caller then uses the
// shared lists. Never held while waiting for anything but FrameAllocator's lock.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/compiler.h"
#include "vm/frame/frame_record.h"

namespace vm {

// Two lines of 64 bytes: the adjacent-line prefetcher pairs them.
class alignas(128) BASE_CAPABILITY("frame cache") CpuFrameCache {
 public:
  static constexpr uint32_t batch = 32;  // what moves at once between here and the shared lists
  static constexpr uint32_t frames_size = 4 * batch;
  static constexpr uint32_t zeroed_size = batch;

  [[nodiscard]] bool try_enter() BASE_TRY_ACQUIRE(true) {
    return busy_.exchange<base::Order::acquire>(1) == 0;
  }
  void leave() BASE_RELEASE() { busy_.store<base::Order::release>(0); }

  // nullptr: empty.
  [[nodiscard]] FrameRecord* pop() BASE_REQUIRES(this) { return frames_.pop(); }
  [[nodiscard]] FrameRecord* pop_zeroed() BASE_REQUIRES(this) { return zeroed_.pop(); }
  // False: full.
  [[nodiscard]] bool push(FrameRecord& frame) BASE_REQUIRES(this) { return frames_.push(frame); }
  [[nodiscard]] bool push_zeroed(FrameRecord& frame) BASE_REQUIRES(this) {
    return zeroed_.push(frame);
  }
  // Takes the `batch` oldest frames out of a full stack.
  void take_cold(FrameRecord* (&cold)[batch]) BASE_REQUIRES(this) { frames_.take_oldest(cold); }

  // Exact while entered, else a recent value.
  [[nodiscard]] uint32_t frames() const { return frames_.count(); }
  [[nodiscard]] uint32_t zeroed_frames() const { return zeroed_.count(); }

  template <class Visit>
  void for_each(Visit&& visit) const BASE_REQUIRES(this) {
    frames_.for_each(visit);
    zeroed_.for_each(visit);
  }

 private:
  // The count is atomic for those who only read it.
  template <uint32_t capacity>
  class Stack {
   public:
    [[nodiscard]] FrameRecord* pop() {
      const uint32_t now = count();
      if (BASE_UNLIKELY(now == 0)) return nullptr;
      set_count(now - 1);
      FrameRecord* frame = frames_[now - 1];
      if (frame == nullptr) __builtin_unreachable();
      return frame;
    }
    [[nodiscard]] bool push(FrameRecord& frame) {
      const uint32_t now = count();
      if (BASE_UNLIKELY(now == capacity)) return false;
      frames_[now] = &frame;
      set_count(now + 1);
      return true;
    }
    void take_oldest(FrameRecord* (&oldest)[batch]) {
      BASE_CHECK(count() == capacity, "cold frames taken from a cache that is not full");
      for (uint32_t i = 0; i < capacity; ++i) {
        if (i < batch) {
          oldest[i] = frames_[i];
        } else {
          frames_[i - batch] = frames_[i];
        }
      }
      set_count(capacity - batch);
    }
    [[nodiscard]] uint32_t count() const { return count_.template load<base::Order::relaxed>(); }
    template <class Visit>
    void for_each(Visit&& visit) const {
      for (uint32_t i = 0; i < count(); ++i) visit(*frames_[i]);
    }

   private:
    void set_count(uint32_t count) { count_.template store<base::Order::relaxed>(count); }

    base::Atomic<uint32_t> count_{0};
    FrameRecord* frames_[capacity] = {};
  };

  base::Atomic<uint32_t> busy_{0};
  Stack<frames_size> frames_;
  Stack<zeroed_size> zeroed_;
};

}  // namespace vm
