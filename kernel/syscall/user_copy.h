// user_copy.h: libusercopy in the words of the system calls: whole or Error::fault.
//
// A fault inside is resolved by demand paging or ends the copy. Called on the thread whose memory
// is meant, with interrupts on and no lock held.
#pragma once

#include <cstddef>
#include <span>

#include "kernel/host/text.h"
#include "kernel/memory/quick_access.h"
#include "usercopy/user_ptr.h"
#include "usercopy/user_slice.h"

namespace kernel {

// Error::fault: part of it may be copied (of `to`, the rest is zeroed).
[[nodiscard]] inline base::Status copy_from_user(void* to, base::UserAddr from, size_t size) {
  check_no_lock_is_held();
  BASE_TRY_ASSIGN(auto slice, usercopy::UserSlice::ro(from, base::Bytes(size)));
  const auto result = slice.copy_to({static_cast<uint8_t*>(to), size});
  return result.ok() ? base::Status() : base::Status(base::Error::fault);
}

[[nodiscard]] inline base::Status copy_to_user(base::UserAddr to, const void* from, size_t size) {
  check_no_lock_is_held();
  BASE_TRY_ASSIGN(auto slice, usercopy::UserSlice::wo(to, base::Bytes(size)));
  const auto result = slice.copy_from({static_cast<const uint8_t*>(from), size});
  return result.ok() ? base::Status() : base::Status(base::Error::fault);
}

// A NUL-terminated string into `buffer`. Error::fault; Error::limit_exceeded: no NUL in
// buffer.size() bytes.
[[nodiscard]] inline base::Result<Text> copy_string_from_user(std::span<char> buffer,
                                                              base::UserAddr from) {
  check_no_lock_is_held();
  BASE_TRY_ASSIGN(const size_t size,
                  usercopy::copy_string_from_user(buffer.data(), from, buffer.size()));
  return Text(buffer.data(), size);
}

template <usercopy::UserCopyable T>
base::Result<T> read_user(base::UserAddr from) {
  check_no_lock_is_held();
  BASE_TRY_ASSIGN(auto pointer, usercopy::UserPtrIn<T>::checked(from));
  return base::move(pointer).read();
}

template <usercopy::UserCopyable T>
base::Status write_user(base::UserAddr to, const T& value) {
  check_no_lock_is_held();
  BASE_TRY_ASSIGN(auto pointer, usercopy::UserPtrOut<T>::checked(to));
  return pointer.write(value);
}

}  // namespace kernel
