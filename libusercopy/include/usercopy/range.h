// Which addresses are user memory, decided without a branch.
//
// User memory is [0, limit). The page that starts at `limit` is never mapped, in any space, so the
// first access at `limit` faults: a copy that starts below and runs over stops there by itself, and
// a copy that starts anywhere else is made to start there. No branch depends on the outcome, so
// there is nothing for a CPU to mispredict into kernel memory (Spectre variant 1).
//
// The functions are templates over the integer so that the proof (test/usercopy/range_proof.cpp)
// runs this very code on symbolic 64-bit values.
#pragma once

#include <stdint.h>

namespace usercopy {

// 1 when a < b, else 0, as an Int: the one operation that a symbolic integer supplies itself.
constexpr uint64_t below(uint64_t a, uint64_t b) {
  return uint64_t{a < b};
}

// All ones when a < b, else 0.
template <class Int>
constexpr Int mask_if_below(Int a, Int b) {
  return Int(0) - below(a, b);
}

// `base` when it is below `limit`, else `limit`.
template <class Int>
constexpr Int clamp_address(Int base, Int limit) {
  const Int keep = mask_if_below(base, limit);
  return (base & keep) | (limit & ~keep);
}

// All ones when [base, base + length) is user memory, else 0; no sum that wraps. Length 0 is user
// memory anywhere from 0 to `limit`, its end included.
template <class Int>
constexpr Int mask_if_inside(Int base, Int length, Int limit) {
  // !(limit < base) && !(limit - base < length)
  return ~mask_if_below(limit, base) & ~mask_if_below(limit - base, length);
}

}  // namespace usercopy
