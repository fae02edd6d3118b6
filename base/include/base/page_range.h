// PageRange<T>: a half-open range [first, end) of page numbers, aligned by construction.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "base/utility.h"

namespace base {

// T is Vpn or Pfn. Invariant: first <= end.
template <class T>
class PageRange {
 public:
  constexpr PageRange() = default;
  // Panics when first > end; untrusted bounds go through `checked`.
  constexpr PageRange(T first, T end) : first_(first), end_(end) {
    BASE_CHECK(first <= end, "page range ends before it starts");
  }

  static constexpr PageRange of(T first, PageCount count) { return {first, first + count}; }
  static constexpr PageRange single(T page) { return of(page, PageCount(1)); }

  // From bytes as a caller gave them. `base` must be page aligned; `size` is rounded up.
  // Error::invalid_argument: misaligned, empty, or past 2^64.
  template <class Address>
  static Result<PageRange> checked(Address base, Bytes size) {
    const Checked<uint64_t> rounded = checked_align_up(size.raw(), page_size);
    if (!is_aligned(base.raw(), page_size) || size.is_zero() || !rounded.ok ||
        !checked_add(base.raw(), rounded.value - 1).ok) {
      return Error::invalid_argument;
    }
    const uint64_t first = base.raw() >> page_shift;
    return PageRange(T(first), T(first + (rounded.value >> page_shift)));
  }

  [[nodiscard]] constexpr T first() const { return first_; }
  [[nodiscard]] constexpr T end() const { return end_; }
  // Only if not empty.
  [[nodiscard]] constexpr T last() const { return end_ - PageCount(1); }
  [[nodiscard]] constexpr PageCount count() const { return end_ - first_; }
  [[nodiscard]] constexpr bool empty() const { return first_ == end_; }

  [[nodiscard]] constexpr bool contains(T page) const { return first_ <= page && page < end_; }
  [[nodiscard]] constexpr bool contains(PageRange other) const {
    return first_ <= other.first_ && other.end_ <= end_;
  }
  [[nodiscard]] constexpr bool overlaps(PageRange other) const {
    return first_ < other.end_ && other.first_ < end_;
  }
  // The common part; empty when there is none.
  [[nodiscard]] constexpr PageRange intersect(PageRange other) const {
    const T from = base::max(first_, other.first_);
    const T to = base::min(end_, other.end_);
    return from < to ? PageRange(from, to) : PageRange(from, from);
  }

  friend constexpr bool operator==(PageRange a, PageRange b) {
    return a.first_ == b.first_ && a.end_ == b.end_;
  }
  friend constexpr bool operator!=(PageRange a, PageRange b) { return !(a == b); }

 private:
  T first_{};
  T end_{};
};

using VpnRange = PageRange<Vpn>;
using PfnRange = PageRange<Pfn>;

}  // namespace base
