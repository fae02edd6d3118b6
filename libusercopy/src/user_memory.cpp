#include "usercopy/user_memory.h"

#include <stddef.h>

#include "usercopy/primitives.h"
#include "usercopy/range.h"

extern "C" void* memset(void* to, int value, size_t size);

namespace usercopy {

namespace {

// The clamp, pinned to where it is written: the barrier keeps the compiler from moving it
// away from the primitive or turning it into a branch. `path` tells equal code apart, lest two
// clamps be merged above the branch that separates them.
#define USERCOPY_PIN(value, path) __asm__ volatile("// clamp " path : "+r"(value))

BASE_ALWAYS_INLINE uint64_t pinned_clamp(uint64_t address) {
  return clamp_address(address, usercopy_limit);
}

BASE_ALWAYS_INLINE void* clamped(base::UserAddr address) {
  uint64_t raw = address.raw();
  USERCOPY_PIN(raw, "value");
  return reinterpret_cast<void*>(pinned_clamp(raw));
}

// Sizes for which 64-byte steps through general registers beat a string instruction's start-up
// (docs/usercopy.md has the measurement).
constexpr size_t steps_min = 129;
constexpr size_t steps_max = 767;

CopyResult result_of(size_t copied, size_t size) {
  return {copied, copied == size ? Fault::none : Fault::refused};
}

base::Error error_of(uint64_t status) {
  return status == usercopy_contended ? base::Error::would_block : base::Error::fault;
}

}  // namespace

CopyResult copy_from_user(void* to, base::UserAddr from, size_t size) {
  size_t copied = 0;
  uint64_t raw = from.raw();
  if (size - steps_min <= steps_max - steps_min) {
    USERCOPY_PIN(raw, "steps");
    copied = usercopy_from_user_steps(to, reinterpret_cast<void*>(pinned_clamp(raw)), size);
  } else if (size < steps_min) {
    if (size == 0) {
      return {0, Fault::none};
    }
    USERCOPY_PIN(raw, "short");
    copied = usercopy_from_user_short(to, reinterpret_cast<void*>(pinned_clamp(raw)), size);
  } else {
    USERCOPY_PIN(raw, "long");
    copied = usercopy_from_user_long(to, reinterpret_cast<void*>(pinned_clamp(raw)), size);
  }
  if (BASE_UNLIKELY(copied != size)) {
    memset(static_cast<char*>(to) + copied, 0, size - copied);
    return {copied, Fault::refused};
  }
  return {size, Fault::none};
}

CopyResult copy_to_user(base::UserAddr to, const void* from, size_t size) {
  uint64_t raw = to.raw();
  if (size - steps_min <= steps_max - steps_min) {
    USERCOPY_PIN(raw, "steps");
    return result_of(usercopy_to_user_steps(reinterpret_cast<void*>(pinned_clamp(raw)), from, size),
                     size);
  }
  if (size < steps_min) {
    if (size == 0) {
      return {0, Fault::none};
    }
    USERCOPY_PIN(raw, "short");
    return result_of(usercopy_to_user_short(reinterpret_cast<void*>(pinned_clamp(raw)), from, size),
                     size);
  }
  USERCOPY_PIN(raw, "long");
  return result_of(usercopy_to_user_long(reinterpret_cast<void*>(pinned_clamp(raw)), from, size),
                   size);
}

CopyResult copy_user_to_user(base::UserAddr to, base::UserAddr from, size_t size) {
  if (size == 0) {
    return {0, Fault::none};
  }
  return result_of(usercopy_user_to_user(clamped(to), clamped(from), size), size);
}

CopyResult clear_user(base::UserAddr to, size_t size) {
  if (size == 0) {
    return {0, Fault::none};
  }
  return result_of(usercopy_clear(clamped(to), size), size);
}

base::Result<size_t> string_length(base::UserAddr from, size_t limit) {
  if (limit == 0) {
    return base::Error::limit_exceeded;
  }
  const UsercopyValue result = usercopy_string_length(clamped(from), limit);
  if (result.status != usercopy_done) {
    return base::Error::fault;
  }
  if (result.value == limit) {
    return base::Error::limit_exceeded;
  }
  return size_t(result.value);
}

base::Result<size_t> copy_string_from_user(char* to, base::UserAddr from, size_t size) {
  if (size == 0) {
    return base::Error::limit_exceeded;
  }
  const UsercopyValue result = usercopy_string_copy(to, clamped(from), size);
  if (result.status != usercopy_done || result.value == size) {
    memset(to, 0, size);
    return result.status != usercopy_done ? base::Error::fault : base::Error::limit_exceeded;
  }
  return size_t(result.value);
}

base::Result<bool> is_zeroed_user(base::UserAddr from, size_t size) {
  if (size == 0) {
    return true;
  }
  const UsercopyValue result = usercopy_zero_prefix(clamped(from), size);
  if (result.status != usercopy_done) {
    return base::Error::fault;
  }
  return result.value == size;
}

#define USERCOPY_DEFINE_SCALAR(type, size)                                           \
  template <>                                                                        \
  base::Result<type> load_user<type>(base::UserAddr from) {                          \
    const UsercopyValue result = usercopy_load_##size(clamped(from));                \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                             \
      return base::Error::fault;                                                     \
    }                                                                                \
    return type(result.value);                                                       \
  }                                                                                  \
  template <>                                                                        \
  base::Status store_user<type>(base::UserAddr to, type value) {                     \
    if (BASE_UNLIKELY(usercopy_store_##size(clamped(to), value) != usercopy_done)) { \
      return base::Error::fault;                                                     \
    }                                                                                \
    return {};                                                                       \
  }

USERCOPY_DEFINE_SCALAR(uint8_t, 1)
USERCOPY_DEFINE_SCALAR(uint16_t, 2)
USERCOPY_DEFINE_SCALAR(uint32_t, 4)
USERCOPY_DEFINE_SCALAR(uint64_t, 8)

#define USERCOPY_DEFINE_ATOMIC(name, type, size)                               \
  template <>                                                                  \
  base::Result<type> name##_user<type>(base::UserAddr at, type value) {        \
    if (!base::is_aligned(at.raw(), uint64_t{sizeof(type)})) {                 \
      return base::Error::invalid_argument;                                    \
    }                                                                          \
    const UsercopyValue result = usercopy_##name##_##size(clamped(at), value); \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                       \
      return error_of(result.status);                                          \
    }                                                                          \
    return type(result.value);                                                 \
  }

#define USERCOPY_DEFINE_ATOMICS(type, size)                                                        \
  USERCOPY_DEFINE_ATOMIC(exchange, type, size)                                                     \
  USERCOPY_DEFINE_ATOMIC(fetch_add, type, size)                                                    \
  USERCOPY_DEFINE_ATOMIC(fetch_or, type, size)                                                     \
  USERCOPY_DEFINE_ATOMIC(fetch_and, type, size)                                                    \
  USERCOPY_DEFINE_ATOMIC(fetch_xor, type, size)                                                    \
  template <>                                                                                      \
  base::Result<type> compare_exchange_user<type>(base::UserAddr at, type expected, type desired) { \
    if (!base::is_aligned(at.raw(), uint64_t{sizeof(type)})) {                                     \
      return base::Error::invalid_argument;                                                        \
    }                                                                                              \
    const UsercopyValue result = usercopy_compare_exchange_##size(clamped(at), expected, desired); \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                                           \
      return error_of(result.status);                                                              \
    }                                                                                              \
    return type(result.value);                                                                     \
  }

USERCOPY_DEFINE_ATOMICS(uint32_t, 4)
USERCOPY_DEFINE_ATOMICS(uint64_t, 8)

}  // namespace usercopy
