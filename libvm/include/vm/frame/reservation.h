// Reservation: single frames taken up front, so that an operation past its commit point cannot run
// out of memory. What is not used goes back when the reservation dies.
//
// Move-only; not shared between threads. The frames are chained by their records' links; they are
// `owned` with one reference, as if allocated by the holder. No lock held; taken: the allocator's.
#pragma once

#include <stdint.h>

#include "base/result.h"
#include "base/utility.h"
#include "vm/frame/frame.h"

namespace vm {

template <FrameHost H>
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept
      : allocator_(base::exchange(other.allocator_, nullptr)),
        head_(other.head_),
        count_(base::exchange(other.count_, base::PageCount(0))) {}
  Reservation& operator=(Reservation&& other) noexcept {
    if (this != &other) {
      give_back();
      allocator_ = base::exchange(other.allocator_, nullptr);
      head_ = other.head_;
      count_ = base::exchange(other.count_, base::PageCount(0));
    }
    return *this;
  }
  ~Reservation() { give_back(); }

  // Error::out_of_memory: nothing is kept.
  [[nodiscard]] static base::Result<Reservation> of(FrameAllocator<H>& allocator,
                                                    base::PageCount frames,
                                                    Urgency urgency = Urgency::normal) {
    Reservation result(allocator);
    BASE_TRY(result.extend_to(frames, urgency));
    return result;
  }

  // Has at least `frames` frames afterwards. Error::out_of_memory: as before.
  [[nodiscard]] base::Status extend_to(base::PageCount frames, Urgency urgency = Urgency::normal) {
    BASE_CHECK(allocator_ != nullptr || frames.is_zero(), "empty reservation extended");
    const base::PageCount before = count_;
    while (count_ < frames) {
      base::Result<base::Pfn> frame = allocator_->allocate(Contents::unknown, urgency);
      if (!frame.ok()) {
        while (before < count_) allocator_->free(take());
        return frame.error();
      }
      push(frame.value());
    }
    return {};
  }

  [[nodiscard]] base::PageCount count() const { return count_; }

  // A frame of unknown contents, with one reference that the caller owns. Cannot fail: taking more
  // than was reserved is a broken invariant.
  [[nodiscard]] base::Pfn take() {
    BASE_CHECK(!count_.is_zero(), "more frames taken than were reserved");
    const base::Pfn frame = head_;
    FrameRecord& record = allocator_->records().of(frame);
    head_ = base::Pfn(record.link());
    record.set_link(0);
    count_ -= base::PageCount(1);
    return frame;
  }
  // The same, filled with zeros.
  [[nodiscard]] base::Pfn take_zeroed() {
    const base::Pfn frame = take();
    if (void* memory = allocator_->host().window(frame); memory != nullptr) {
      __builtin_memset(memory, 0, base::page_size);
    }
    return frame;
  }
  // The same, as an owner.
  [[nodiscard]] Frame<H> take_frame() { return Frame<H>::adopt(*allocator_, take()); }

  // Frees what is left now.
  void give_back() {
    while (!count_.is_zero()) {
      allocator_->free(take());
    }
  }

 private:
  explicit Reservation(FrameAllocator<H>& allocator) : allocator_(&allocator) {}

  void push(base::Pfn frame) {
    allocator_->records().of(frame).set_link(head_.raw());
    head_ = frame;
    count_ += base::PageCount(1);
  }

  FrameAllocator<H>* allocator_ = nullptr;
  base::Pfn head_;
  base::PageCount count_;
};

}  // namespace vm
