// UserSliceRo, UserSliceWo, UserSliceRw: ranges of user memory that can only be copied.
//
// A slice is a range-checked address and a length, never a pointer: kernel code cannot
// dereference user memory by accident, cannot write to what a caller passed for reading (does not
// compile), and cannot fetch the same bytes twice by accident: every transfer consumes
// the bytes it moved, and slices only move. refetch() is the visible way to read again; whoever
// calls it must expect other contents.
//
// Whether memory is there shows when it is copied. Units: bytes. No locks, no allocation.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <type_traits>

#include "base/address.h"
#include "base/result.h"
#include "base/span.h"
#include "base/utility.h"
#include "usercopy/range.h"
#include "usercopy/user_memory.h"

namespace usercopy {

enum class Direction : uint8_t { in, out, in_out };

// Types that cross the boundary whole: no padding (which would leak kernel bytes out, or
// hide user bytes), no invalid bit patterns, no behaviour.
template <class T>
concept UserCopyable = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> &&
                       std::has_unique_object_representations_v<T> && !std::is_pointer_v<T> &&
                       !std::is_same_v<T, bool> && !std::is_enum_v<T>;

template <Direction direction>
class BasicUserSlice {
  static constexpr bool readable = direction != Direction::out;
  static constexpr bool writable = direction != Direction::in;

 public:
  // Error::fault: part of the range is not user address space. Length 0 is valid anywhere in
  // [0, limit]. Says nothing about what is mapped.
  static base::Result<BasicUserSlice> checked(base::UserAddr base, base::Bytes length) {
    if (mask_if_inside(base.raw(), length.raw(), usercopy_limit) == 0) {
      return base::Error::fault;
    }
    return BasicUserSlice(base, size_t(length.raw()));
  }

  BasicUserSlice(BasicUserSlice&& other) noexcept
      : base_(other.base_), size_(base::exchange(other.size_, size_t{0})) {}
  BasicUserSlice& operator=(BasicUserSlice&& other) noexcept {
    base_ = other.base_;
    size_ = base::exchange(other.size_, size_t{0});
    return *this;
  }
  BasicUserSlice(const BasicUserSlice&) = delete;
  BasicUserSlice& operator=(const BasicUserSlice&) = delete;

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // For logs and for keys such as a futex address; never to be dereferenced.
  [[nodiscard]] base::UserAddr address() const { return base_; }

  // A second slice over the same bytes, which the user may have changed since.
  [[nodiscard]] BasicUserSlice refetch() const { return BasicUserSlice(base_, size_); }

  struct Halves;
  // The first `at` bytes and the rest; this slice becomes empty.
  // Error::invalid_argument: `at` is past the end; unchanged.
  [[nodiscard]] base::Result<Halves> split_at(size_t at) {
    if (at > size_) {
      return base::Error::invalid_argument;
    }
    Halves halves{BasicUserSlice(base_, at), BasicUserSlice(base_ + base::Bytes(at), size_ - at)};
    size_ = 0;
    return halves;
  }

  // Drops the first `count` bytes. Error::invalid_argument: there are not so many; unchanged.
  base::Status advance(size_t count) {
    if (count > size_) {
      return base::Error::invalid_argument;
    }
    skip(count);
    return {};
  }

  // Takes at most `count` bytes off the front.
  [[nodiscard]] BasicUserSlice take(size_t count) {
    const size_t taken = base::min(count, size_);
    BasicUserSlice front(base_, taken);
    skip(taken);
    return front;
  }

  // Calls `use(BasicUserSlice)` with consecutive parts of `chunk` bytes, the last may be shorter.
  // Stops at the first error and returns it; then this slice holds what was not handed out.
  template <class Use>
  base::Status chunks(size_t chunk, Use&& use) {
    if (chunk == 0) {
      return base::Error::invalid_argument;
    }
    while (!empty()) {
      BASE_TRY(use(take(chunk)));
    }
    return {};
  }

  // Fills `to` from the front of the slice and consumes what was copied. The rest of `to` is
  // zeroed on a fault. A slice shorter than `to` ends the copy early with copied == size() and a
  // fault of `refused`.
  [[nodiscard]] CopyResult copy_to(base::Span<uint8_t> to)
    requires readable
  {
    const size_t wanted = base::min(to.size(), size_);
    CopyResult result = copy_from_user(to.data(), base_, wanted);
    skip(result.copied);
    if (to.size() > wanted) {
      for (uint8_t& byte : to.drop(wanted)) {
        byte = 0;
      }
      result.fault = Fault::refused;
    }
    return result;
  }

  // Writes `from` to the front of the slice and consumes what was written; too short a slice as
  // above.
  [[nodiscard]] CopyResult copy_from(base::Span<const uint8_t> from)
    requires writable
  {
    const size_t wanted = base::min(from.size(), size_);
    CopyResult result = copy_to_user(base_, from.data(), wanted);
    skip(result.copied);
    if (from.size() > wanted) {
      result.fault = Fault::refused;
    }
    return result;
  }

  // Zeroes the whole slice and consumes what was written.
  [[nodiscard]] CopyResult clear()
    requires writable
  {
    const CopyResult result = clear_user(base_, size_);
    skip(result.copied);
    return result;
  }

  // Copies the slice, a string without a terminator, into `to` and terminates it there. The value
  // is the length. Error::limit_exceeded: does not fit with its terminator; fault;
  // invalid_argument: holds a zero byte. On an error `to` is all zeroes; the slice is consumed.
  [[nodiscard]] base::Result<size_t> copy_to_string(base::Span<char> to)
    requires readable
  {
    const size_t length = size_;
    const base::UserAddr from = base_;
    size_ = 0;
    if (length >= to.size()) {
      return base::Error::limit_exceeded;
    }
    base::Error error = base::Error::invalid_argument;
    if (!usercopy::copy_from_user(to.data(), from, length).ok()) {
      error = base::Error::fault;
    } else if (!has_zero(to.first(length))) {
      to[length] = 0;
      return length;
    }
    for (char& character : to) {
      character = 0;
    }
    return error;
  }

  // Takes one T off the front. Error::invalid_argument: the slice is shorter; fault. On an error
  // nothing is consumed.
  template <UserCopyable T>
  [[nodiscard]] base::Result<T> read_struct()
    requires readable
  {
    if (size_ < sizeof(T)) {
      return base::Error::invalid_argument;
    }
    T value{};
    if (!usercopy::copy_from_user(&value, base_, sizeof(T)).ok()) {
      return base::Error::fault;
    }
    skip(sizeof(T));
    return value;
  }

  // Writes one T at the front. Errors as read_struct; on a fault a prefix may have been written.
  template <UserCopyable T>
  base::Status write_struct(const T& value)
    requires writable
  {
    if (size_ < sizeof(T)) {
      return base::Error::invalid_argument;
    }
    if (!usercopy::copy_to_user(base_, &value, sizeof(T)).ok()) {
      return base::Error::fault;
    }
    skip(sizeof(T));
    return {};
  }

  // Reads a structure whose size the caller states by the slice's length and that may be older
  // (shorter: the rest is zero) or newer (longer: the part this kernel does not know must be zero).
  // Error::invalid_argument: shorter than `minimum`, the first version's size; limit_exceeded: a
  // newer field is in use; fault. Consumes the slice unless it fails.
  template <UserCopyable T>
  [[nodiscard]] base::Result<T> read_versioned_struct(size_t minimum)
    requires readable
  {
    if (size_ < minimum) {
      return base::Error::invalid_argument;
    }
    T value{};
    if (size_ > sizeof(T)) {
      BASE_TRY_ASSIGN(const bool zeroed,
                      is_zeroed_user(base_ + base::Bytes(sizeof(T)), size_ - sizeof(T)));
      if (!zeroed) {
        return base::Error::limit_exceeded;
      }
    }
    if (!usercopy::copy_from_user(&value, base_, base::min(size_, sizeof(T))).ok()) {
      return base::Error::fault;
    }
    skip(size_);
    return value;
  }

 private:
  BasicUserSlice(base::UserAddr base, size_t size) : base_(base), size_(size) {}

  void skip(size_t count) {
    base_ += base::Bytes(count);
    size_ -= count;
  }
  static bool has_zero(base::Span<char> characters) {
    for (const char character : characters) {
      if (character == 0) {
        return true;
      }
    }
    return false;
  }

  base::UserAddr base_;
  size_t size_;
};

template <Direction direction>
struct BasicUserSlice<direction>::Halves {
  BasicUserSlice first;
  BasicUserSlice rest;
};

using UserSliceRo = BasicUserSlice<Direction::in>;
using UserSliceWo = BasicUserSlice<Direction::out>;
using UserSliceRw = BasicUserSlice<Direction::in_out>;

// How system calls make slices of their arguments.
struct UserSlice {
  // Memory the kernel will read.
  static base::Result<UserSliceRo> ro(base::UserAddr base, base::Bytes length) {
    return UserSliceRo::checked(base, length);
  }
  // Memory the kernel will write.
  static base::Result<UserSliceWo> wo(base::UserAddr base, base::Bytes length) {
    return UserSliceWo::checked(base, length);
  }
  // Memory the kernel will read and write.
  static base::Result<UserSliceRw> rw(base::UserAddr base, base::Bytes length) {
    return UserSliceRw::checked(base, length);
  }
};

// Copies from one user range to another, as much as both hold, and consumes it from both.
[[nodiscard]] inline CopyResult copy(UserSliceWo& to, UserSliceRo& from) {
  const size_t wanted = base::min(to.size(), from.size());
  const CopyResult result = copy_user_to_user(to.address(), from.address(), wanted);
  (void)to.take(result.copied);
  (void)from.take(result.copied);
  return result;
}

}  // namespace usercopy
