// Addresses, page numbers and sizes as types that do not mix.
//
// Construction from an integer is explicit, there is no conversion to an integer but raw(), and
// none to or from a pointer. Adding past the end of the number range is a broken invariant; input
// that may be hostile goes through the checked_ functions. Units: addresses and Bytes in bytes,
// Pfn, Vpn and PageCount in base pages of 4 KiB.
#pragma once

#include <stdint.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/result.h"
namespace base {

inline constexpr unsigned page_shift = 12;
inline constexpr uint64_t page_size = 1ULL << page_shift;

// One count with comparison; the CRTP parent of every quantity below.
template <class Self>
class Quantity {
 public:
  constexpr Quantity() = default;
  explicit constexpr Quantity(uint64_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr uint64_t raw() const { return raw_; }

  friend constexpr bool operator==(Self a, Self b) { return a.raw() == b.raw(); }
  friend constexpr bool operator!=(Self a, Self b) { return a.raw() != b.raw(); }
  friend constexpr bool operator<(Self a, Self b) { return a.raw() < b.raw(); }
  friend constexpr bool operator<=(Self a, Self b) { return a.raw() <= b.raw(); }
  friend constexpr bool operator>(Self a, Self b) { return a.raw() > b.raw(); }
  friend constexpr bool operator>=(Self a, Self b) { return a.raw() >= b.raw(); }

 private:
  uint64_t raw_ = 0;
};

// A size or distance: adds to and subtracts from its own kind.
template <class Self>
class Count : public Quantity<Self> {
 public:
  using Quantity<Self>::Quantity;

  friend constexpr Self operator+(Self a, Self b) {
    const Checked<uint64_t> sum = checked_add(a.raw(), b.raw());
    BASE_CHECK(sum.ok, "count overflow");
    return Self(sum.value);
  }
  friend constexpr Self operator-(Self a, Self b) {
    BASE_CHECK(a.raw() >= b.raw(), "count underflow");
    return Self(a.raw() - b.raw());
  }
  friend constexpr Self& operator+=(Self& a, Self b) { return a = a + b; }
  friend constexpr Self& operator-=(Self& a, Self b) { return a = a - b; }
  [[nodiscard]] constexpr bool is_zero() const { return this->raw() == 0; }
};

class Bytes : public Count<Bytes> {
 public:
  using Count<Bytes>::Count;
};

class PageCount : public Count<PageCount> {
 public:
  using Count<PageCount>::Count;

  [[nodiscard]] constexpr Bytes bytes() const {
    const Checked<uint64_t> product = checked_mul(raw(), page_size);
    BASE_CHECK(product.ok, "page count too large for bytes");
    return Bytes(product.value);
  }
};

// Pages that `size` touches when it starts at a page boundary. Error: past 2^64.
[[nodiscard]] constexpr Checked<uint64_t> checked_pages_for(Bytes size) {
  const Checked<uint64_t> rounded = checked_align_up(size.raw(), page_size);
  return {rounded.value >> page_shift, rounded.ok};
}

// A position that moves by `Distance`.
template <class Self, class Distance>
class Position : public Quantity<Self> {
 public:
  using Quantity<Self>::Quantity;
  using DistanceType = Distance;

  friend constexpr Self operator+(Self at, Distance by) {
    const Checked<uint64_t> sum = checked_add(at.raw(), by.raw());
    BASE_CHECK(sum.ok, "position overflow");
    return Self(sum.value);
  }
  friend constexpr Self operator-(Self at, Distance by) {
    BASE_CHECK(at.raw() >= by.raw(), "position underflow");
    return Self(at.raw() - by.raw());
  }
  friend constexpr Distance operator-(Self a, Self b) {
    BASE_CHECK(a.raw() >= b.raw(), "distance underflow");
    return Distance(a.raw() - b.raw());
  }
  friend constexpr Self& operator+=(Self& at, Distance by) { return at = at + by; }

  // Error::invalid_argument past 2^64.
  [[nodiscard]] Result<Self> checked_plus(Distance by) const {
    const Checked<uint64_t> sum = checked_add(this->raw(), by.raw());
    if (!sum.ok) {
      return Error::invalid_argument;
    }
    return Self(sum.value);
  }
};

// A physical frame number.
class Pfn : public Position<Pfn, PageCount> {
 public:
  using Position<Pfn, PageCount>::Position;
};

// A virtual page number: a full 64-bit virtual address shifted down by page_shift, so that kernel
// addresses have their sign bits in the low 52.
class Vpn : public Position<Vpn, PageCount> {
 public:
  using Position<Vpn, PageCount>::Position;
};

class PhysAddr : public Position<PhysAddr, Bytes> {
 public:
  using Position<PhysAddr, Bytes>::Position;
  static constexpr PhysAddr of(Pfn frame) { return PhysAddr(frame.raw() << page_shift); }
  [[nodiscard]] constexpr Pfn frame() const { return Pfn(raw() >> page_shift); }
  [[nodiscard]] constexpr bool is_page_aligned() const { return is_aligned(raw(), page_size); }
};

// An address that the running kernel may dereference after a deliberate cast.
class VirtAddr : public Position<VirtAddr, Bytes> {
 public:
  using Position<VirtAddr, Bytes>::Position;
  static constexpr VirtAddr of(Vpn page) { return VirtAddr(page.raw() << page_shift); }
  [[nodiscard]] constexpr Vpn page() const { return Vpn(raw() >> page_shift); }
  [[nodiscard]] constexpr bool is_page_aligned() const { return is_aligned(raw(), page_size); }
};

// An address as a user program gave it: any 64 bits, never dereferenced by kernel code, only
// copied from or to by libusercopy.
class UserAddr : public Position<UserAddr, Bytes> {
 public:
  using Position<UserAddr, Bytes>::Position;
  static constexpr UserAddr of(Vpn page) { return UserAddr(page.raw() << page_shift); }
  [[nodiscard]] constexpr Vpn page() const { return Vpn(raw() >> page_shift); }
  [[nodiscard]] constexpr bool is_page_aligned() const { return is_aligned(raw(), page_size); }
};

}  // namespace base
