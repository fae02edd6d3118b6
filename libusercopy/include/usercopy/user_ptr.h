// UserPtr<T, direction>: the address of one T in user memory.
//
// Range-checked at construction; read() and write() copy the whole T. Values of 1, 2, 4 and 8 bytes
// are moved by one access, so that a racing user cannot tear them. read() uses the pointer up
// (call it on an rvalue); refetch() is the visible way to read again.
#pragma once

#include "usercopy/user_slice.h"

namespace usercopy {

template <UserCopyable T, Direction direction>
class UserPtr {
  static constexpr bool readable = direction != Direction::out;
  static constexpr bool writable = direction != Direction::in;
  static constexpr bool scalar = std::is_integral_v<T>;

 public:
  // Error::fault: the T would not lie in user address space. Any alignment is fine.
  static base::Result<UserPtr> checked(base::UserAddr address) {
    if (mask_if_inside(address.raw(), uint64_t{sizeof(T)}, usercopy_limit) == 0) {
      return base::Error::fault;
    }
    return UserPtr(address);
  }

  UserPtr(UserPtr&&) noexcept = default;
  UserPtr& operator=(UserPtr&&) noexcept = default;
  UserPtr(const UserPtr&) = delete;
  UserPtr& operator=(const UserPtr&) = delete;

  [[nodiscard]] base::UserAddr address() const { return address_; }
  [[nodiscard]] UserPtr refetch() const { return UserPtr(address_); }

  // Error::fault.
  [[nodiscard]] base::Result<T> read() &&
    requires readable
  {
    if constexpr (scalar) {
      BASE_TRY_ASSIGN(const auto raw, load_user<std::make_unsigned_t<T>>(address_));
      return T(raw);
    } else {
      T value{};
      if (!usercopy::copy_from_user(&value, address_, sizeof(T)).ok()) {
        return base::Error::fault;
      }
      return value;
    }
  }

  // Error::fault; a T that is not a scalar may have been written in part.
  base::Status write(const T& value)
    requires writable
  {
    if constexpr (scalar) {
      return store_user<std::make_unsigned_t<T>>(address_, std::make_unsigned_t<T>(value));
    } else {
      if (!usercopy::copy_to_user(address_, &value, sizeof(T)).ok()) {
        return base::Error::fault;
      }
      return {};
    }
  }

 private:
  explicit UserPtr(base::UserAddr address) : address_(address) {}

  base::UserAddr address_;
};

template <class T>
using UserPtrIn = UserPtr<T, Direction::in>;
template <class T>
using UserPtrOut = UserPtr<T, Direction::out>;
template <class T>
using UserPtrInOut = UserPtr<T, Direction::in_out>;

}  // namespace usercopy
