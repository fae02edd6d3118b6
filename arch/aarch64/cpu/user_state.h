// user_state.h: layout of what save_user_state() keeps (aarch64 only).
#pragma once

#include <cstdint>

namespace cpu {

struct alignas(64) UserState {
  uint64_t q[32][2];
  uint64_t fpsr;
  uint64_t fpcr;
};

extern "C" void cpu_save_vectors(UserState* state);
extern "C" void cpu_load_vectors(const UserState* state);

}  // namespace cpu
