// Frame: sole owner of a frame or block. FrameRef: one of several counted owners.
//
// Both give their reference back when they die; the last one frees the memory. Move-only; an empty
// one (moved from, default) owns nothing. Locks taken: as FrameAllocator::free.
#pragma once

#include "base/result.h"
#include "base/utility.h"
#include "vm/frame/frame_allocator.h"

namespace vm {

// One reference, held. Shared by the two owners below.
template <FrameHost H>
class FrameHold {
 public:
  FrameHold() = default;
  FrameHold(FrameHold&& other) noexcept
      : allocator_(base::exchange(other.allocator_, nullptr)), head_(other.head_) {}
  FrameHold& operator=(FrameHold&& other) noexcept {
    if (this != &other) {
      reset();
      allocator_ = base::exchange(other.allocator_, nullptr);
      head_ = other.head_;
    }
    return *this;
  }
  ~FrameHold() { reset(); }

  [[nodiscard]] explicit operator bool() const { return allocator_ != nullptr; }
  // The first frame. Only if not empty.
  [[nodiscard]] base::Pfn pfn() const {
    BASE_CHECK(allocator_ != nullptr, "number of an empty frame owner");
    return head_;
  }
  [[nodiscard]] FrameRecord& record() const { return allocator_->records().of(pfn()); }
  [[nodiscard]] void* window() const { return allocator_->host().window(pfn()); }

  // Gives the reference back now.
  void reset() {
    if (allocator_ != nullptr) {
      base::exchange(allocator_, nullptr)->drop(head_);
    }
  }
  // The caller takes the reference over (a page table entry holds it from now on).
  [[nodiscard]] base::Pfn release() {
    BASE_CHECK(allocator_ != nullptr, "release of an empty frame owner");
    allocator_ = nullptr;
    return head_;
  }

 protected:
  FrameHold(FrameAllocator<H>& allocator, base::Pfn head) : allocator_(&allocator), head_(head) {}
  [[nodiscard]] FrameAllocator<H>& allocator() const { return *allocator_; }

 private:
  FrameAllocator<H>* allocator_ = nullptr;
  base::Pfn head_;
};

template <FrameHost H>
class FrameRef;

template <FrameHost H>
class Frame : public FrameHold<H> {
 public:
  Frame() = default;

  // Error::out_of_memory.
  [[nodiscard]] static base::Result<Frame> get(FrameAllocator<H>& allocator,
                                               Contents contents = Contents::unknown,
                                               Urgency urgency = Urgency::normal) {
    BASE_TRY_ASSIGN(const base::Pfn frame, allocator.allocate(contents, urgency));
    return Frame(allocator, frame);
  }
  // As FrameAllocator::allocate_block.
  [[nodiscard]] static base::Result<Frame> get_block(FrameAllocator<H>& allocator,
                                                     BlockRequest request) {
    BASE_TRY_ASSIGN(const base::Pfn head, allocator.allocate_block(request));
    return Frame(allocator, head);
  }
  // Takes over the only reference to `head`.
  [[nodiscard]] static Frame adopt(FrameAllocator<H>& allocator, base::Pfn head) {
    BASE_DCHECK(allocator.records().of(head).is_exclusive(), "adopted frame has other owners");
    return Frame(allocator, head);
  }

 private:
  Frame(FrameAllocator<H>& allocator, base::Pfn head) : FrameHold<H>(allocator, head) {}
};

template <FrameHost H>
class FrameRef : public FrameHold<H> {
 public:
  FrameRef() = default;
  FrameRef(Frame<H>&& sole) : FrameHold<H>(base::move(sole)) {}  // NOLINT: implicit on purpose

  // Takes over one reference to `head` that the caller holds.
  [[nodiscard]] static FrameRef adopt(FrameAllocator<H>& allocator, base::Pfn head) {
    return FrameRef(allocator, head);
  }
  // Adds a reference; the caller knows that the frame has one that stays meanwhile.
  // Error::limit_exceeded.
  [[nodiscard]] static base::Result<FrameRef> share(FrameAllocator<H>& allocator, base::Pfn head) {
    BASE_TRY(allocator.records().of(head).add_references());
    return FrameRef(allocator, head);
  }
  [[nodiscard]] base::Result<FrameRef> share() const {
    return share(this->allocator(), this->pfn());
  }

 private:
  FrameRef(FrameAllocator<H>& allocator, base::Pfn head) : FrameHold<H>(allocator, head) {}
};

}  // namespace vm
