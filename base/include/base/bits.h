// Integer helpers: alignment, bit fields, overflow-checked arithmetic. Pure and constexpr.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <concepts>
#include <type_traits>

namespace base {

template <class T>
concept UnsignedInteger = std::unsigned_integral<T> && !std::same_as<T, bool>;

template <UnsignedInteger T>
constexpr bool is_power_of_two(T value) {
  return value != 0 && (value & (value - 1)) == 0;
}

// `alignment` is a power of two.
template <UnsignedInteger T>
constexpr T align_down(T value, T alignment) {
  return static_cast<T>(value & ~(alignment - 1));
}

// Wraps to 0 past the last aligned value; callers with untrusted input use checked_align_up.
template <UnsignedInteger T>
constexpr T align_up(T value, T alignment) {
  return static_cast<T>((value + (alignment - 1)) & ~(alignment - 1));
}

template <UnsignedInteger T>
constexpr bool is_aligned(T value, T alignment) {
  return (value & (alignment - 1)) == 0;
}

// Bits low..low+width-1 of `value`, shifted down. width 1..64.
constexpr uint64_t field(uint64_t value, unsigned low, unsigned width) {
  return (value >> low) & (width >= 64 ? ~0ULL : (1ULL << width) - 1);
}

constexpr uint64_t mask(unsigned low, unsigned width) {
  return (width >= 64 ? ~0ULL : (1ULL << width) - 1) << low;
}

constexpr uint64_t bit(unsigned index) {
  return 1ULL << index;
}

// The number of zero bits below the lowest set bit; 64 for 0.
constexpr unsigned count_trailing_zeros(uint64_t value) {
  return value == 0 ? 64u : static_cast<unsigned>(__builtin_ctzll(value));
}

// The index of the highest set bit. `value` is not 0.
constexpr unsigned log2_floor(uint64_t value) {
  return 63u - static_cast<unsigned>(__builtin_clzll(value));
}

// The least n with 2^n >= value. 0 for 0 and 1.
constexpr unsigned log2_ceil(uint64_t value) {
  return value <= 1 ? 0u : log2_floor(value - 1) + 1;
}

constexpr unsigned count_ones(uint64_t value) {
  return static_cast<unsigned>(__builtin_popcountll(value));
}

// A value, and whether it is the true one.
template <class T>
struct Checked {
  T value;
  bool ok;
};

template <UnsignedInteger T>
constexpr Checked<T> checked_add(T a, T b) {
  T sum{};
  const bool wrapped = __builtin_add_overflow(a, b, &sum);
  return {sum, !wrapped};
}

template <UnsignedInteger T>
constexpr Checked<T> checked_sub(T a, T b) {
  T difference{};
  const bool wrapped = __builtin_sub_overflow(a, b, &difference);
  return {difference, !wrapped};
}

template <UnsignedInteger T>
constexpr Checked<T> checked_mul(T a, T b) {
  T product{};
  const bool wrapped = __builtin_mul_overflow(a, b, &product);
  return {product, !wrapped};
}

template <UnsignedInteger T>
constexpr Checked<T> checked_align_up(T value, T alignment) {
  const Checked<T> sum = checked_add<T>(value, static_cast<T>(alignment - 1));
  return {align_down(sum.value, alignment), sum.ok};
}

}  // namespace base
