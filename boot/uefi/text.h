// Text: a short ASCII message built in place, for the loader's one-line errors.
//
// Never allocates, never fails: what does not fit is cut. Always NUL terminated.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace boot {

class Text {
 public:
  Text() = default;
  explicit Text(const char* words) { add(words); }

  Text& add(const char* words) {
    while (*words != '\0') put(*words++);
    return *this;
  }

  Text& add_decimal(uint64_t value) {
    char digits[20];
    size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }

  Text& add_hex(uint64_t value) {
    add("0x");
    unsigned shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (;; shift -= 4) {
      put("0123456789abcdef"[(value >> shift) & 15]);
      if (shift == 0) break;
    }
    return *this;
  }

  const char* c_str() const { return bytes_; }
  bool empty() const { return length_ == 0; }

 private:
  static constexpr size_t capacity = 159;

  void put(char c) {
    if (length_ == capacity) return;
    bytes_[length_++] = c;
    bytes_[length_] = '\0';
  }

  char bytes_[capacity + 1] = {};
  size_t length_ = 0;
};

}  // namespace boot
