// heap.h: kernel objects: size classes of 32 to 2032 bytes carved from single frames, larger
// blocks straight from the frame allocator (up to 4 MiB less a header).
//
// Callable from any context but NMI; takes a spin lock. Blocks are 16-byte aligned. Freed blocks
// are overwritten in builds with debug checks. A kernel that checks addresses keeps the bytes
// behind a block poisoned, and freed small blocks too, the last 1,024 of which wait before they are
// reused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/utility.h"

namespace kernel {

// size > 0. Error::out_of_memory: nothing changed. Contents undefined.
[[nodiscard]] base::Result<void*> heap_allocate(size_t size);
// Takes what heap_allocate() returned; nullptr is ignored; anything else panics.
void heap_free(void* block);

// Blocks handed out and not freed; for leak tests.
[[nodiscard]] uint64_t heap_block_count();
// Frames that blocks handed out lie in, whole: how many depends on the order of events, which frame
// counts that must be exact have to allow for.
[[nodiscard]] uint64_t heap_frame_count();
// Frames the heap holds. How many the same blocks lie in depends on the order of events: who
// compares counts adds these to the free frames, and compares the blocks besides.
[[nodiscard]] uint64_t heap_frame_count();
// Gives frames whose blocks are all free back. Returns how many.
uint64_t heap_trim();

// The block that `address` lies in, or just behind, for messages about bad accesses. Reads without
// the lock: for when nothing else runs. size 0: there is none.
struct HeapBlock {
  uint64_t start = 0;
  uint64_t size = 0;
};
[[nodiscard]] HeapBlock find_heap_block(uint64_t address);

// Sole owner of a heap object.
template <typename T>
class Owned {
 public:
  Owned() = default;
  explicit Owned(T* object) : object_(object) {}
  Owned(Owned&& other) noexcept : object_(base::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      reset();
      object_ = base::exchange(other.object_, nullptr);
    }
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { reset(); }

  void reset() {
    if (object_ != nullptr) {
      object_->~T();
      heap_free(base::exchange(object_, nullptr));
    }
  }
  [[nodiscard]] T* release() { return base::exchange(object_, nullptr); }
  [[nodiscard]] T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

template <typename T, typename... Args>
base::Result<Owned<T>> make_owned(Args&&... args) {
  static_assert(alignof(T) <= 16);
  BASE_TRY_ASSIGN(void* storage, heap_allocate(sizeof(T)));
  return Owned<T>(base::construct_at<T>(storage, base::forward<Args>(args)...));
}

}  // namespace kernel
