// Outcome<T>: a value or the error number a program will see. What base::Result is to the
// libraries, with Linux's vocabulary: for code whose callers are system calls.
//
// Made from a T, an Errno, or a base::Error (errno_of); BASE_TRY and BASE_TRY_ASSIGN work on it and
// inside functions that return it.
#pragma once

#include "base/optional.h"
#include "base/result.h"
#include "kernel/syscall/errno.h"

namespace kernel {

template <class T = void>
class [[nodiscard]] Outcome {
 public:
  using Value = T;

  Outcome(T value) : value_(base::move(value)) {}          // NOLINT: implicit on purpose
  Outcome(Errno error) : error_(error) {}                  // NOLINT: the same
  Outcome(base::Error error) : error_(errno_of(error)) {}  // NOLINT: the same
  template <class U>
    requires(std::is_convertible_v<U &&, T>)
  Outcome(base::Result<U>&& other)  // NOLINT: the same
      : error_(other.ok() ? Errno::invalid : errno_of(other.error())) {
    if (other.ok()) {
      value_ = base::Optional<T>(T(base::move(other).value()));
    }
  }
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<U, T>)
  Outcome(Outcome<U>&& other)  // NOLINT: the same
      : error_(other.ok() ? Errno::invalid : other.error()) {
    if (other.ok()) {
      value_ = base::Optional<T>(T(base::move(other).value()));
    }
  }

  Outcome(Outcome&&) noexcept = default;
  Outcome& operator=(Outcome&&) noexcept = default;

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  // Only if !ok().
  [[nodiscard]] Errno error() const {
    BASE_CHECK(!ok(), "Outcome::error of a value");
    return error_;
  }
  // Only if ok().
  [[nodiscard]] T& value() & { return *value_; }
  [[nodiscard]] const T& value() const& { return *value_; }
  [[nodiscard]] T value() && { return base::move(*value_); }

 private:
  base::Optional<T> value_;
  Errno error_ = Errno::invalid;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  using Value = void;

  constexpr Outcome() : ok_(true) {}
  constexpr Outcome(Errno error) : error_(error) {}                  // NOLINT: implicit on purpose
  constexpr Outcome(base::Error error) : error_(errno_of(error)) {}  // NOLINT: the same
  constexpr Outcome(const base::Status& status)                      // NOLINT: the same
      : error_(status.ok() ? Errno::invalid : errno_of(status.error())), ok_(status.ok()) {}

  [[nodiscard]] constexpr bool ok() const { return ok_; }
  explicit constexpr operator bool() const { return ok_; }
  [[nodiscard]] constexpr Errno error() const {
    BASE_CHECK(!ok_, "Outcome::error of a value");
    return error_;
  }

 private:
  Errno error_ = Errno::invalid;
  bool ok_ = false;
};

}  // namespace kernel
