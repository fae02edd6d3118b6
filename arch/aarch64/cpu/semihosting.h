// semihosting.h: calls to the debugger or emulator (aarch64 only).
//
// Only when the command line says that somebody listens: otherwise the HLT is an undefined
// instruction. Source: semihosting.
#pragma once

#include <cstdint>

namespace cpu {

enum class SemihostingOperation : uint32_t {
  write_byte = 0x03,  // SYS_WRITEC: parameter points to the byte
  exit = 0x18,        // SYS_EXIT: parameter points to {reason, status}, two words
};
inline constexpr uint64_t semihosting_application_exit = 0x20026;

inline uint64_t semihosting_call(SemihostingOperation operation, const void* parameter) {
  register uint64_t x0 asm("x0") = static_cast<uint64_t>(operation);
  register const void* x1 asm("x1") = parameter;
  asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
  return x0;
}

}  // namespace cpu
