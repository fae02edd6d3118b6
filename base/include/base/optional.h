// Optional<T>: a value or nothing.
#pragma once

#include "base/check.h"
#include "base/utility.h"

namespace base {

struct Nothing {};
inline constexpr Nothing nothing{};

template <class T>
class Optional {
 public:
  Optional() = default;
  Optional(Nothing) {}  // NOLINT: implicit on purpose
  Optional(T value) : has_value_(true) {
    base::construct_at<T>(storage_, base::move(value));
  }  // NOLINT
  Optional(const Optional& other) : has_value_(other.has_value_) {
    if (has_value_) {
      base::construct_at<T>(storage_, *other);
    }
  }
  Optional(Optional&& other) noexcept : has_value_(other.has_value_) {
    if (has_value_) {
      base::construct_at<T>(storage_, base::move(*other));
    }
  }
  Optional& operator=(Optional other) noexcept {
    reset();
    if (other.has_value_) {
      base::construct_at<T>(storage_, base::move(*other));
      has_value_ = true;
    }
    return *this;
  }
  ~Optional() { reset(); }

  void reset() {
    if (has_value_) {
      base::destroy_at(&**this);
      has_value_ = false;
    }
  }

  [[nodiscard]] bool has_value() const { return has_value_; }
  explicit operator bool() const { return has_value_; }
  T& operator*() {
    BASE_CHECK(has_value_, "empty Optional");
    return *reinterpret_cast<T*>(storage_);
  }
  const T& operator*() const {
    BASE_CHECK(has_value_, "empty Optional");
    return *reinterpret_cast<const T*>(storage_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

 private:
  alignas(T) unsigned char storage_[sizeof(T)];
  bool has_value_ = false;
};

}  // namespace base
