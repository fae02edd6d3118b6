// How x86_64 code is patched: multi-byte NOPs and rel32 jumps. usercopy/alternatives.h.
//
// Header-only and free of privileged instructions, so that hosted tests run it. NOP forms: Intel
// SDM vol. 2, NOP, table 4-12.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "usercopy/alternatives.h"

namespace x86_64 {

inline void fill_with_nops(uint8_t* out, size_t size) {
  constexpr uint8_t forms[9][9] = {
      {0x90},
      {0x66, 0x90},
      {0x0f, 0x1f, 0x00},
      {0x0f, 0x1f, 0x40, 0x00},
      {0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
      {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
  };
  while (size > 0) {
    const size_t length = size < 9 ? size : 9;
    for (size_t i = 0; i < length; ++i) {
      out[i] = forms[length - 1][i];
    }
    out += length;
    size -= length;
  }
}

inline void retarget(uint8_t* code, size_t size, uintptr_t from, uintptr_t to) {
  constexpr uint8_t jump_rel32 = 0xe9;
  if (size != 5 || code[0] != jump_rel32) {
    return;
  }
  uint32_t distance = 0;
  for (unsigned i = 0; i < 4; ++i) {
    distance |= uint32_t{code[1 + i]} << (8 * i);
  }
  distance += uint32_t(from - to);
  for (unsigned i = 0; i < 4; ++i) {
    code[1 + i] = uint8_t(distance >> (8 * i));
  }
}

inline constexpr usercopy::Patcher patcher{fill_with_nops, retarget};

}  // namespace x86_64
