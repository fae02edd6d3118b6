// Sink, Source: where the bytes of one read go and where those of one write come from: a list of
// segments of user memory (checked to be user addresses, nothing more), or one of kernel memory.
//
// Both only move forward: what was moved is consumed. Copies of user memory may fault, page in and
// block: never with a spin lock held. A file gets its bytes through put() and get() and never sees
// an address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"

namespace kernel {

// struct iovec.
struct Segment {
  uint64_t base;
  uint64_t size;
};

// The common part: a position in a list of segments that outlives it.
class Transfer {
 public:
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Bytes not moved yet.
  [[nodiscard]] uint64_t remaining() const { return remaining_; }
  // Bytes moved.
  [[nodiscard]] uint64_t moved() const { return moved_; }
  // Whether a copy stopped at memory that cannot be accessed.
  [[nodiscard]] bool faulted() const { return faulted_; }
  // The user memory that comes next in one piece; of size 0: kernel memory, or nothing is left.
  [[nodiscard]] Segment next_user_piece();

 protected:
  enum class Side : uint8_t { user, kernel };
  Transfer(Side side, std::span<const Segment> segments);
  Transfer(const void* kernel, size_t size);

  // Calls move(address, offset, count), which returns how many bytes it moved, piece by piece for
  // at most `size` bytes; the sum.
  template <typename Move>
  size_t advance(size_t size, Move&& move) {
    size_t done = 0;
    while (done < size && remaining_ != 0 && !faulted_) {
      skip_finished();
      const size_t left = size_t(segments_.front().size - offset_);
      const size_t count = left < size - done ? left : size - done;
      const size_t now = move(segments_.front().base + offset_, done, count);
      faulted_ = now != count;
      offset_ += now;
      done += now;
      remaining_ -= now;
      moved_ += now;
    }
    return done;
  }
  void skip_finished() {
    while (offset_ == segments_.front().size) {
      segments_ = segments_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const Segment> segments_;
  Segment single_{};
  uint64_t offset_ = 0;  // in the first segment
  uint64_t remaining_ = 0;
  uint64_t moved_ = 0;
  Side side_;
  bool faulted_ = false;
};

class Sink : public Transfer {
 public:
  // User memory; every segment is inside the user half, the sum below 2^63.
  explicit Sink(std::span<const Segment> user) : Transfer(Side::user, user) {}
  // Kernel memory.
  explicit Sink(std::span<uint8_t> kernel) : Transfer(kernel.data(), kernel.size()) {}

  // How many of `bytes` went; less than all: no room any more, or faulted().
  [[nodiscard]] size_t put(std::span<const uint8_t> bytes);
  // The same for `size` zeroes.
  [[nodiscard]] size_t put_zeroes(size_t size);
  // Takes up to `size` bytes for filled: somebody else has stored them.
  size_t skip(size_t size);
};

class Source : public Transfer {
 public:
  explicit Source(std::span<const Segment> user) : Transfer(Side::user, user) {}
  explicit Source(std::span<const uint8_t> kernel) : Transfer(kernel.data(), kernel.size()) {}

  // How many bytes of `bytes` were filled; less than all: no more, or faulted().
  [[nodiscard]] size_t get(std::span<uint8_t> bytes);
  // Drops up to `size` bytes unread.
  size_t skip(size_t size);
};

}  // namespace kernel
