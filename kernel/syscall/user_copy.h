// user_copy.h: moving bytes between the kernel and the current program's memory.
//
// A fault inside is resolved by demand paging or ends the copy. The range is checked against the
// user half first. Called on the thread whose memory is meant, with interrupts on.
#pragma once

#include <cstddef>
#include <span>

#include "base/address.h"
#include "base/result.h"
#include "kernel/host/text.h"

namespace kernel {

// Error::fault: part of it may be copied.
[[nodiscard]] base::Status copy_from_user(void* to, base::UserAddr from, size_t size);
[[nodiscard]] base::Status copy_to_user(base::UserAddr to, const void* from, size_t size);

// A NUL-terminated string into `buffer`. Error::fault; Error::limit_exceeded: no NUL in
// buffer.size() bytes.
[[nodiscard]] base::Result<Text> copy_string_from_user(std::span<char> buffer, base::UserAddr from);

template <typename T>
base::Result<T> read_user(base::UserAddr from) {
  T value;
  BASE_TRY(copy_from_user(&value, from, sizeof(value)));
  return value;
}

// T has no padding.
template <typename T>
base::Status write_user(base::UserAddr to, const T& value) {
  static_assert(std::has_unique_object_representations_v<T>);
  return copy_to_user(to, &value, sizeof(value));
}

}  // namespace kernel
