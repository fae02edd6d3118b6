// Untyped access to user memory: the layer between the assembly and UserSlice/UserPtr.
//
// Every function clamps the address (range.h) immediately before the primitive, so no caller can
// forget. None takes a lock or allocates; all may fault and so may block in the page-fault
// handler: never call them with a spin lock held or interrupts off, unless a failed copy is
// acceptable there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/result.h"
#include "usercopy/primitives.h"
#include "usercopy/range.h"

// Supplied by the kernel (hook): the first address that is not user memory, page aligned, with an
// unmapped page behind it. Set before the first user access; constant afterwards.
extern "C" uint64_t usercopy_limit;

namespace usercopy {

enum class Fault : uint8_t { none = 0, refused = 1 };

// How far a copy came. copied == requested exactly when fault == none.
struct CopyResult {
  size_t copied;
  Fault fault;

  [[nodiscard]] bool ok() const { return fault == Fault::none; }
};

// The clamp is pinned between its two barriers: the compiler can neither move it away from the
// primitive nor merge the clamps of two paths above the branch between them (`path` keeps them
// apart). The machine code is checked for it (tools/check_usercopy).
#define USERCOPY_CLAMP(address, path)                                            \
  ([](uint64_t usercopy_raw) {                                                   \
    __asm__ volatile("// clamp " path : "+r"(usercopy_raw));                     \
    return reinterpret_cast<void*>(clamp_address(usercopy_raw, usercopy_limit)); \
  }((address).raw()))

namespace detail {

// Sizes for which 64-byte steps through general registers beat a string instruction's start-up
// (docs/usercopy.md has the measurement).
inline constexpr size_t steps_min = 128;
inline constexpr size_t steps_max = 384;

// True for steps_min <= size <= steps_max, in one comparison.
constexpr bool suits_steps(size_t size) {
  return size - steps_min <= steps_max - steps_min;
}

constexpr CopyResult result_of(size_t copied, size_t size) {
  return {copied, copied == size ? Fault::none : Fault::refused};
}

// Zeroes what a failed copy left of `to`.
CopyResult zero_rest(void* to, size_t copied, size_t size);

}  // namespace detail

// Copies `size` bytes; on a fault the rest of `to` is zeroed. Size 0 succeeds with any address.
[[nodiscard]] inline CopyResult copy_from_user(void* to, base::UserAddr from, size_t size) {
  size_t copied = 0;
  if (detail::suits_steps(size)) {
    copied = usercopy_from_user_steps(to, USERCOPY_CLAMP(from, "steps"), size);
  } else if (BASE_LIKELY(size != 0)) {
    copied = usercopy_from_user_bulk(to, USERCOPY_CLAMP(from, "bulk"), size);
  }
  if (BASE_UNLIKELY(copied != size)) {
    return detail::zero_rest(to, copied, size);
  }
  return {size, Fault::none};
}

// On a fault the bytes before it were written.
[[nodiscard]] inline CopyResult copy_to_user(base::UserAddr to, const void* from, size_t size) {
  size_t copied = 0;
  if (detail::suits_steps(size)) {
    copied = usercopy_to_user_steps(USERCOPY_CLAMP(to, "steps"), from, size);
  } else if (BASE_LIKELY(size != 0)) {
    copied = usercopy_to_user_bulk(USERCOPY_CLAMP(to, "bulk"), from, size);
  }
  return detail::result_of(copied, size);
}

[[nodiscard]] CopyResult copy_user_to_user(base::UserAddr to, base::UserAddr from, size_t size);
[[nodiscard]] CopyResult clear_user(base::UserAddr to, size_t size);

// The length of a string, without its terminator, among the first `limit` bytes.
// Error::fault: memory before a terminator is not readable; limit_exceeded: no terminator there.
[[nodiscard]] base::Result<size_t> string_length(base::UserAddr from, size_t limit);
// Copies a string and its terminator into `to` of `size` bytes; the value is the length without
// it. Errors as above; then `to` is all zeroes.
[[nodiscard]] base::Result<size_t> copy_string_from_user(char* to, base::UserAddr from,
                                                         size_t size);
// True when all bytes are zero. Error::fault: a byte before the first non-zero one is not readable.
[[nodiscard]] base::Result<bool> is_zeroed_user(base::UserAddr from, size_t size);

// Single values of uint8_t, uint16_t, uint32_t, uint64_t; one access each. Error::fault.
template <class T>
[[nodiscard]] base::Result<T> load_user(base::UserAddr from);
template <class T>
[[nodiscard]] base::Status store_user(base::UserAddr to, T value);

// Atomics of uint32_t and uint64_t, sequentially consistent; the value is what was there before.
// Error::invalid_argument: `at` is not aligned to its size; fault; would_block: lost too many races
// against other writers, nothing was changed.
template <class T>
[[nodiscard]] base::Result<T> compare_exchange_user(base::UserAddr at, T expected, T desired);
template <class T>
[[nodiscard]] base::Result<T> exchange_user(base::UserAddr at, T value);
template <class T>
[[nodiscard]] base::Result<T> fetch_add_user(base::UserAddr at, T value);
template <class T>
[[nodiscard]] base::Result<T> fetch_or_user(base::UserAddr at, T value);
template <class T>
[[nodiscard]] base::Result<T> fetch_and_user(base::UserAddr at, T value);
template <class T>
[[nodiscard]] base::Result<T> fetch_xor_user(base::UserAddr at, T value);

// Defined in user_memory.cpp, for these types only.
template <>
base::Result<uint8_t> load_user<uint8_t>(base::UserAddr from);
template <>
base::Result<uint16_t> load_user<uint16_t>(base::UserAddr from);
template <>
base::Result<uint32_t> load_user<uint32_t>(base::UserAddr from);
template <>
base::Result<uint64_t> load_user<uint64_t>(base::UserAddr from);
template <>
base::Status store_user<uint8_t>(base::UserAddr to, uint8_t value);
template <>
base::Status store_user<uint16_t>(base::UserAddr to, uint16_t value);
template <>
base::Status store_user<uint32_t>(base::UserAddr to, uint32_t value);
template <>
base::Status store_user<uint64_t>(base::UserAddr to, uint64_t value);

}  // namespace usercopy
