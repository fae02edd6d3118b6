// Result<T>: a value or an Error. Nothing in the libraries throws; nothing ignores an error
// without saying so.
#pragma once

#include <stdint.h>

#include <type_traits>

#include "base/check.h"
#include "base/utility.h"

namespace base {

// What can go wrong for reasons outside the callee. Every function documents the state left
// behind; unless it says otherwise that is "unchanged".
enum class Error : uint8_t {
  invalid_argument = 1,  // malformed: zero length, misaligned, wrap-around, non-canonical
  out_of_memory,         // no frame, or a limit of the space or the machine is reached
  no_address_range,      // no hole of that size in the space
  already_mapped,        // fixed-no-replace met a mapping
  not_mapped,            // a hole where the operation needs mappings
  access_denied,         // rights exceed what the mapping or object allows
  busy,                  // pinned, or in use in a way that forbids it now
  not_found,             // no such object, name, slot
  already_exists,
  would_block,     // progress needs another party; nothing was done
  interrupted,     // the waiter was cancelled
  limit_exceeded,  // a count would overflow, a quota is used up
  not_supported,   // a well-formed request this machine or object cannot serve
  io,              // a pager or device failed
  bus,             // no page behind this address of the object
  fault,           // user memory could not be accessed
  would_deadlock,  // cycle of borrows or pagers
  dead,            // the other party is gone
};

constexpr const char* error_name(Error error) {
  switch (error) {
    case Error::invalid_argument: return "invalid argument";
    case Error::out_of_memory: return "out of memory";
    case Error::no_address_range: return "no address range";
    case Error::already_mapped: return "already mapped";
    case Error::not_mapped: return "not mapped";
    case Error::access_denied: return "access denied";
    case Error::busy: return "busy";
    case Error::not_found: return "not found";
    case Error::already_exists: return "already exists";
    case Error::would_block: return "would block";
    case Error::interrupted: return "interrupted";
    case Error::limit_exceeded: return "limit exceeded";
    case Error::not_supported: return "not supported";
    case Error::io: return "input/output error";
    case Error::bus: return "bus error";
    case Error::fault: return "bad address";
    case Error::would_deadlock: return "would deadlock";
    case Error::dead: return "peer is gone";
  }
  return "unknown error";
}

template <class T = void>
class [[nodiscard]] Result {
 public:
  using Value = T;

  constexpr Result(T value) : has_value_(true) {  // NOLINT: implicit on purpose
    base::construct_at<T>(&storage_, base::move(value));
  }
  constexpr Result(Error error) : error_(error), has_value_(false) {}  // NOLINT: the same
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  Result(Result&& other) noexcept : error_(other.error_), has_value_(other.has_value_) {
    if (has_value_) {
      base::construct_at<T>(&storage_, base::move(other.value_ref()));
    }
  }
  Result& operator=(Result&& other) noexcept {
    if (this != &other) {
      reset();
      error_ = other.error_;
      has_value_ = other.has_value_;
      if (has_value_) {
        base::construct_at<T>(&storage_, base::move(other.value_ref()));
      }
    }
    return *this;
  }
  ~Result() { reset(); }

  [[nodiscard]] bool ok() const { return has_value_; }
  explicit operator bool() const { return has_value_; }

  // Only if !ok().
  [[nodiscard]] Error error() const {
    BASE_CHECK(!has_value_, "Result::error of a value");
    return error_;
  }
  // Only if ok().
  [[nodiscard]] T& value() & {
    BASE_CHECK(has_value_, "Result::value of an error");
    return value_ref();
  }
  [[nodiscard]] const T& value() const& {
    BASE_CHECK(has_value_, "Result::value of an error");
    return *reinterpret_cast<const T*>(&storage_);
  }
  [[nodiscard]] T value() && {
    BASE_CHECK(has_value_, "Result::value of an error");
    return base::move(value_ref());
  }
  [[nodiscard]] T value_or(T fallback) && {
    return has_value_ ? base::move(value_ref()) : base::move(fallback);
  }

 private:
  T& value_ref() { return *reinterpret_cast<T*>(&storage_); }
  void reset() {
    if (has_value_) {
      base::destroy_at(&value_ref());
      has_value_ = false;
    }
  }

  alignas(T) unsigned char storage_[sizeof(T)];
  Error error_ = Error::invalid_argument;
  bool has_value_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;

  constexpr Result() : error_(Error::invalid_argument), has_value_(true) {}
  constexpr Result(Error error)
      : error_(error), has_value_(false) {}  // NOLINT: implicit on purpose

  [[nodiscard]] constexpr bool ok() const { return has_value_; }
  explicit constexpr operator bool() const { return has_value_; }
  [[nodiscard]] constexpr Error error() const {
    BASE_CHECK(!has_value_, "Result::error of a value");
    return error_;
  }
  // States that this call cannot fail here; `why` is a static string for the panic.
  void expect(const char* why) const {
    if (!has_value_) {
      base_panic(why, __FILE_NAME__, uint32_t(__LINE__));
    }
  }

 private:
  Error error_;
  bool has_value_;
};

using Status = Result<void>;

}  // namespace base

#define BASE_CONCAT_(a, b) a##b
#define BASE_CONCAT(a, b) BASE_CONCAT_(a, b)

// BASE_TRY(call): returns the error of `call` from this function, else goes on.
#define BASE_TRY(expression)               \
  do {                                     \
    auto&& base_try_result = (expression); \
    if (!base_try_result.ok()) {           \
      return base_try_result.error();      \
    }                                      \
  } while (false)

// BASE_TRY_ASSIGN(auto x, call): declares or assigns x from the value of `call`, or returns its
// error.
#define BASE_TRY_ASSIGN(target, expression) \
  BASE_TRY_ASSIGN_(target, expression, BASE_CONCAT(base_try_, __LINE__))
#define BASE_TRY_ASSIGN_(target, expression, temporary) \
  auto temporary = (expression);                        \
  if (!temporary.ok()) {                                \
    return temporary.error();                           \
  }                                                     \
  target = ::base::move(temporary).value()
