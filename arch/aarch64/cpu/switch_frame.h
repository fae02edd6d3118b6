// switch_frame.h: what context.S pushes on a suspended stack (aarch64 only).
#pragma once

#include <cstdint>

namespace cpu {

struct SwitchFrame {
  uint64_t frame_pointer;
  uint64_t return_address;
  uint64_t x19[10];  // x19 to x28
};
static_assert(sizeof(SwitchFrame) % 16 == 0, "SP stays 16-byte aligned");

}  // namespace cpu
