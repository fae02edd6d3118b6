// sysreg.h: access to the system registers that the kernel uses (aarch64 only).
//
// Writes are not self-synchronising: a caller that depends on the effect of a write within the
// same context calls isb() itself, because only it knows how many writes belong together.
// Source: Arm ARM C5 (PSTATE), D19 (system registers).
#pragma once

#include <cstdint>

// A system register's name is part of the instruction, so no function argument can carry it.
#define SYSREG_READ(name)                               \
  ([]() -> uint64_t {                                   \
    uint64_t sysreg_value;                              \
    asm volatile("mrs %0, " name : "=r"(sysreg_value)); \
    return sysreg_value;                                \
  }())

#define SYSREG_WRITE(name, value)                                      \
  do {                                                                 \
    const uint64_t sysreg_value = (value);                             \
    asm volatile("msr " name ", %0" : : "r"(sysreg_value) : "memory"); \
  } while (false)

namespace cpu {

inline void isb() {
  asm volatile("isb" : : : "memory");
}

// Waits for every earlier access and maintenance operation: this CPU, the inner shareable domain
// (all CPUs), the full system (devices).
inline void dsb_nsh() {
  asm volatile("dsb nsh" : : : "memory");
}
inline void dsb_ish() {
  asm volatile("dsb ish" : : : "memory");
}
inline void dsb_sy() {
  asm volatile("dsb sy" : : : "memory");
}

// PSTATE as SPSR_EL1 and DAIF hold it.
namespace pstate {
inline constexpr uint64_t mode_el0 = 0;
inline constexpr uint64_t mode_el1h = 5;
inline constexpr uint64_t mode_mask = 0xf;
inline constexpr uint64_t fiq_mask = 1u << 6;
inline constexpr uint64_t irq_mask = 1u << 7;
inline constexpr uint64_t serror_mask = 1u << 8;
inline constexpr uint64_t debug_mask = 1u << 9;
}  // namespace pstate

}  // namespace cpu
