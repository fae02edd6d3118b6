// utf8.h: UTF-8, a byte at a time. What is no UTF-8 (overlong, a surrogate, above U+10FFFF, cut
// off) becomes one U+FFFD. Pure. Source: RFC 3629.
#pragma once

#include <cstdint>

namespace kernel {

inline constexpr uint32_t replacement_character = 0xfffd;

class Utf8Decoder {
 public:
  struct Step {
    bool complete;    // `code` is a character
    bool feed_again;  // the byte ended a character that it is no part of: feed it once more
    uint32_t code;
  };

  constexpr Step feed(uint8_t byte) {
    if (missing_ != 0) {
      if ((byte & 0xc0) != 0x80) {
        missing_ = 0;
        return {true, true, replacement_character};
      }
      code_ = code_ << 6 | (byte & 0x3f);
      if (--missing_ != 0) {
        return {false, false, 0};
      }
      const bool valid =
          code_ >= least_ && code_ <= 0x10ffff && !(code_ >= 0xd800 && code_ < 0xe000);
      return {true, false, valid ? code_ : replacement_character};
    }
    if (byte < 0x80) {
      return {true, false, byte};
    }
    if (byte >= 0xc2 && byte < 0xe0) {
      return start(1, byte & 0x1f, 0x80);
    }
    if (byte >= 0xe0 && byte < 0xf0) {
      return start(2, byte & 0x0f, 0x800);
    }
    if (byte >= 0xf0 && byte < 0xf5) {
      return start(3, byte & 0x07, 0x10000);
    }
    return {true, false, replacement_character};
  }

  [[nodiscard]] constexpr bool inside() const { return missing_ != 0; }

 private:
  constexpr Step start(uint8_t missing, uint32_t code, uint32_t least) {
    missing_ = missing;
    code_ = code;
    least_ = least;
    return {false, false, 0};
  }

  uint32_t code_ = 0;
  uint32_t least_ = 0;
  uint8_t missing_ = 0;
};

}  // namespace kernel
