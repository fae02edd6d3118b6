// Span<T>: a pointer and a count, bounds checked. Kernel memory only; user memory has UserSlice.
#pragma once

#include <stddef.h>

#include <type_traits>

#include "base/check.h"

namespace base {

template <class T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <size_t n>
  constexpr Span(T (&array)[n]) : data_(array), size_(n) {}  // NOLINT: implicit on purpose
  template <class U>
    requires(std::is_same_v<const U, T>)
  constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}  // NOLINT: the same

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr size_t size() const { return size_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](size_t index) const {
    BASE_CHECK(index < size_, "span index out of range");
    return data_[index];
  }
  // Panics when the part is not inside.
  [[nodiscard]] constexpr Span subspan(size_t offset, size_t count) const {
    BASE_CHECK(offset <= size_ && count <= size_ - offset, "subspan out of range");
    return Span(data_ + offset, count);
  }
  [[nodiscard]] constexpr Span first(size_t count) const { return subspan(0, count); }
  [[nodiscard]] constexpr Span drop(size_t count) const {
    BASE_CHECK(count <= size_, "span drop out of range");
    return subspan(count, size_ - count);
  }
  [[nodiscard]] constexpr T* begin() const { return data_; }
  [[nodiscard]] constexpr T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace base
