// How aarch64 code is patched: NOPs and unconditional branches. usercopy/alternatives.h.
//
// Header-only and free of privileged instructions, so that hosted tests run it. Encodings: Arm ARM
// C6.2, B and NOP.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "usercopy/alternatives.h"

namespace aarch64 {

inline void store_instruction(uint8_t* out, uint32_t instruction) {
  for (unsigned i = 0; i < 4; ++i) {
    out[i] = uint8_t(instruction >> (8 * i));
  }
}

inline void fill_with_nops(uint8_t* out, size_t size) {
  for (; size >= 4; out += 4, size -= 4) {
    store_instruction(out, 0xd503201f);
  }
}

inline void retarget(uint8_t* code, size_t size, uintptr_t from, uintptr_t to) {
  uint32_t instruction = 0;
  if (size != 4) {
    return;
  }
  for (unsigned i = 0; i < 4; ++i) {
    instruction |= uint32_t{code[i]} << (8 * i);
  }
  constexpr uint32_t branch = 0x14000000;
  constexpr uint32_t offset_mask = 0x03ffffff;
  if ((instruction & ~offset_mask) == branch) {
    const uint32_t offset = instruction + uint32_t((from - to) >> 2);
    store_instruction(code, branch | (offset & offset_mask));
  }
}

inline constexpr usercopy::Patcher patcher{fill_with_nops, retarget};

}  // namespace aarch64
