#include "usercopy/user_memory.h"

#include <stddef.h>

#include "usercopy/primitives.h"
#include "usercopy/range.h"

extern "C" void* memset(void* to, int value, size_t size);

namespace usercopy {

namespace {

base::Error error_of(uint64_t status) {
  return status == usercopy_contended ? base::Error::would_block : base::Error::fault;
}

}  // namespace

CopyResult detail::zero_rest(void* to, size_t copied, size_t size) {
  memset(static_cast<char*>(to) + copied, 0, size - copied);
  return {copied, Fault::refused};
}

CopyResult copy_user_to_user(base::UserAddr to, base::UserAddr from, size_t size) {
  if (size == 0) {
    return {0, Fault::none};
  }
  return detail::result_of(
      usercopy_user_to_user(USERCOPY_CLAMP(to, "value"), USERCOPY_CLAMP(from, "value"), size),
      size);
}

CopyResult clear_user(base::UserAddr to, size_t size) {
  if (size == 0) {
    return {0, Fault::none};
  }
  return detail::result_of(usercopy_clear(USERCOPY_CLAMP(to, "value"), size), size);
}

base::Result<size_t> string_length(base::UserAddr from, size_t limit) {
  if (limit == 0) {
    return base::Error::limit_exceeded;
  }
  const UsercopyValue result = usercopy_string_length(USERCOPY_CLAMP(from, "value"), limit);
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
  const UsercopyValue result = usercopy_string_copy(to, USERCOPY_CLAMP(from, "value"), size);
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
  const UsercopyValue result = usercopy_zero_prefix(USERCOPY_CLAMP(from, "value"), size);
  if (result.status != usercopy_done) {
    return base::Error::fault;
  }
  return result.value == size;
}

#define USERCOPY_DEFINE_SCALAR(type, size)                                            \
  template <>                                                                         \
  base::Result<type> load_user<type>(base::UserAddr from) {                           \
    const UsercopyValue result = usercopy_load_##size(USERCOPY_CLAMP(from, "value")); \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                              \
      return base::Error::fault;                                                      \
    }                                                                                 \
    return type(result.value);                                                        \
  }                                                                                   \
  template <>                                                                         \
  base::Status store_user<type>(base::UserAddr to, type value) {                      \
    if (BASE_UNLIKELY(usercopy_store_##size(USERCOPY_CLAMP(to, "value"), value) !=    \
                      usercopy_done)) {                                               \
      return base::Error::fault;                                                      \
    }                                                                                 \
    return {};                                                                        \
  }

USERCOPY_DEFINE_SCALAR(uint8_t, 1)
USERCOPY_DEFINE_SCALAR(uint16_t, 2)
USERCOPY_DEFINE_SCALAR(uint32_t, 4)
USERCOPY_DEFINE_SCALAR(uint64_t, 8)

#define USERCOPY_DEFINE_ATOMIC(name, type, size)                                               \
  template <>                                                                                  \
  base::Result<type> name##_user<type>(base::UserAddr at, type value) {                        \
    if (!base::is_aligned(at.raw(), uint64_t{sizeof(type)})) {                                 \
      return base::Error::invalid_argument;                                                    \
    }                                                                                          \
    const UsercopyValue result = usercopy_##name##_##size(USERCOPY_CLAMP(at, "value"), value); \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                                       \
      return error_of(result.status);                                                          \
    }                                                                                          \
    return type(result.value);                                                                 \
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
    const UsercopyValue result =                                                                   \
        usercopy_compare_exchange_##size(USERCOPY_CLAMP(at, "value"), expected, desired);          \
    if (BASE_UNLIKELY(result.status != usercopy_done)) {                                           \
      return error_of(result.status);                                                              \
    }                                                                                              \
    return type(result.value);                                                                     \
  }

USERCOPY_DEFINE_ATOMICS(uint32_t, 4)
USERCOPY_DEFINE_ATOMICS(uint64_t, 8)

}  // namespace usercopy
