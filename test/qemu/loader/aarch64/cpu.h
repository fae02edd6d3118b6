// What the loader test kernel needs of aarch64: a debug channel and an end (semihosting), system
// registers, and how to read a translation entry.
#pragma once

#include <stdint.h>

namespace cpu {

inline uint64_t semihost(uint64_t operation, const void* argument) {
  register uint64_t x0 asm("x0") = operation;
  register const void* x1 asm("x1") = argument;
  asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
  return x0;
}

inline void put(char c) {
  semihost(3, &c);
}

[[noreturn]] inline void finish(bool passed) {
  const uint64_t block[2] = {0x20026, passed ? 33u : 35u};  // application exit, status
  for (;;) semihost(0x18, block);
}

#define LOADER_TEST_READ(name)                   \
  [] {                                           \
    uint64_t value;                              \
    asm volatile("mrs %0, " name : "=r"(value)); \
    return value;                                \
  }()

inline uint64_t stack_pointer() {
  uint64_t value;
  asm volatile("mov %0, sp" : "=r"(value));
  return value;
}

inline bool interrupts_off() {
  return (LOADER_TEST_READ("daif") & 0x3c0) == 0x3c0;
}

inline unsigned active_levels() {
  return ((LOADER_TEST_READ("tcr_el1") >> 16) & 63) < 16 ? 5 : 4;
}
inline uint64_t kernel_root() {
  return LOADER_TEST_READ("ttbr1_el1") & 0x0000fffffffff000;
}
enum class Half { upper, lower };

// The entries of a top table that belong to one half.
struct RootPart {
  uint64_t root;
  unsigned first;
  unsigned last;
};

inline RootPart root_part(Half half) {
  const uint64_t lower = LOADER_TEST_READ("ttbr0_el1") & 0x0000fffffffff000;
  return RootPart{half == Half::upper ? kernel_root() : lower, 0, 511};
}

constexpr uint64_t direct_map_base = 0xffff000000000000;

// Translation and caches are on, at EL1 on its own stack pointer.
inline bool protection_is_on() {
  const uint64_t sctlr = LOADER_TEST_READ("sctlr_el1");
  const bool on = (sctlr & 1) != 0 && (sctlr & 4) != 0 && (sctlr & 0x1000) != 0;
  return on && (LOADER_TEST_READ("CurrentEL") >> 2) == 1 && LOADER_TEST_READ("spsel") == 1;
}

struct Entry {
  uint64_t bits;

  bool present() const { return (bits & 1) != 0; }
  bool is_leaf(unsigned level) const { return level == 1 || (bits & 2) == 0; }
  uint64_t address() const { return bits & 0x0000fffffffff000; }
  bool writable() const { return (bits & 0x80) == 0; }
  bool user() const { return (bits & 0x40) != 0 || ((bits >> 54) & 1) == 0; }
  bool executable() const { return ((bits >> 53) & 1) == 0; }
};

// The virtual address whose translated bits are `bits`.
inline uint64_t address_of(uint64_t bits, Half half, unsigned levels) {
  if (half == Half::lower) return bits;
  return bits | (~uint64_t{0} << (levels == 5 ? 52 : 48));
}

}  // namespace cpu
