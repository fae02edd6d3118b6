// Outcome<T>: a value, or the sentence that says why there is none.
//
// The loader's errors are read by a person at a console, so an error *is* its sentence; it has the
// form "NAME: what is wrong" and is printed behind "loader: error: ".
#pragma once

#include "text.h"

namespace boot {

struct Problem {
  Text text;
};

template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(const T& value) : value_(value) {}
  Outcome(const Problem& problem) : problem_(problem.text) {}

  explicit operator bool() const { return problem_.empty(); }
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  Problem problem() const { return Problem{problem_}; }

 private:
  T value_{};
  Text problem_;
};

struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

}  // namespace boot
