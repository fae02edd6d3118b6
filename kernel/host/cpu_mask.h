// CpuMask: a set of this kernel's CPUs. Value type; AtomicCpuMask is its shared form.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/bits.h"

namespace kernel {

// As many as one word names.
inline constexpr uint32_t max_cpus = 64;

class CpuMask {
 public:
  constexpr CpuMask() = default;
  explicit constexpr CpuMask(uint64_t bits) : bits_(bits) {}
  [[nodiscard]] static constexpr CpuMask of(uint32_t cpu) { return CpuMask(1ULL << cpu); }
  [[nodiscard]] static constexpr CpuMask all() { return CpuMask(~0ULL); }

  [[nodiscard]] constexpr uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool contains(uint32_t cpu) const { return (bits_ >> cpu & 1) != 0; }
  [[nodiscard]] constexpr uint32_t count() const { return base::count_ones(bits_); }
  [[nodiscard]] constexpr CpuMask with(uint32_t cpu) const { return CpuMask(bits_ | 1ULL << cpu); }
  [[nodiscard]] constexpr CpuMask without(uint32_t cpu) const {
    return CpuMask(bits_ & ~(1ULL << cpu));
  }
  [[nodiscard]] constexpr CpuMask intersect(CpuMask other) const {
    return CpuMask(bits_ & other.bits_);
  }
  // The lowest; the mask is not empty.
  [[nodiscard]] constexpr uint32_t first() const { return base::count_trailing_zeros(bits_); }
  // Calls visit(cpu) in ascending order.
  template <typename Visit>
  constexpr void for_each(Visit&& visit) const {
    for (uint64_t rest = bits_; rest != 0; rest &= rest - 1) {
      visit(uint32_t(base::count_trailing_zeros(rest)));
    }
  }
  friend constexpr bool operator==(CpuMask, CpuMask) = default;

 private:
  uint64_t bits_ = 0;
};

class AtomicCpuMask {
 public:
  constexpr AtomicCpuMask() = default;
  [[nodiscard]] CpuMask load() const { return CpuMask(bits_.load<base::Order::sequential>()); }
  void add(uint32_t cpu) { bits_.fetch_or<base::Order::sequential>(1ULL << cpu); }
  // Whether it was there.
  bool remove(uint32_t cpu) {
    return (bits_.fetch_and<base::Order::sequential>(~(1ULL << cpu)) >> cpu & 1) != 0;
  }

 private:
  base::Atomic<uint64_t> bits_{0};
};

}  // namespace kernel
