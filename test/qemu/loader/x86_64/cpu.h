// What the loader test kernel needs of x86_64: a debug channel (QEMU's isa-debugcon at 0xe9), an
// end (isa-debug-exit at 0xf4), control registers, and how to read a translation entry.
#pragma once

#include <stdint.h>

namespace cpu {

inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

inline void put(char c) {
  out8(0xe9, static_cast<uint8_t>(c));
}

// QEMU ends with status 2 * code + 1.
[[noreturn]] inline void finish(bool passed) {
  out8(0xf4, passed ? 16 : 17);
  for (;;) asm volatile("hlt");
}

inline uint64_t read_cr0() {
  uint64_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}

inline uint64_t read_cr3() {
  uint64_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}

inline uint64_t read_cr4() {
  uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

inline uint64_t read_efer() {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
  return (uint64_t{high} << 32) | low;
}

inline uint64_t stack_pointer() {
  uint64_t value;
  asm volatile("mov %%rsp, %0" : "=r"(value));
  return value;
}

inline bool interrupts_off() {
  uint64_t flags;
  asm volatile("pushfq; pop %0" : "=r"(flags));
  return (flags & 0x200) == 0;
}

inline unsigned active_levels() {
  return (read_cr4() & (1 << 12)) != 0 ? 5 : 4;
}
inline uint64_t kernel_root() {
  return read_cr3() & 0x000ffffffffff000;
}
enum class Half { upper, lower };

// The entries of a top table that belong to one half.
struct RootPart {
  uint64_t root;
  unsigned first;
  unsigned last;
};

inline RootPart root_part(Half half) {
  return half == Half::upper ? RootPart{kernel_root(), 256, 511} : RootPart{kernel_root(), 0, 255};
}

constexpr uint64_t direct_map_base = 0xffff800000000000;

// No-execute is on and write protection holds for the kernel too.
inline bool protection_is_on() {
  const bool no_execute = (read_efer() & (1 << 11)) != 0;
  const bool write_protect = (read_cr0() & (1 << 16)) != 0;
  return no_execute && write_protect;
}

struct Entry {
  uint64_t bits;

  bool present() const { return (bits & 1) != 0; }
  bool is_leaf(unsigned level) const { return level == 1 || (bits & 0x80) != 0; }
  uint64_t address() const { return bits & 0x000ffffffffff000; }
  bool writable() const { return (bits & 2) != 0; }
  bool user() const { return (bits & 4) != 0; }
  bool executable() const { return (bits >> 63) == 0; }
};

// The virtual address whose translated bits are `bits`.
inline uint64_t address_of(uint64_t bits, Half, unsigned levels) {
  const unsigned shift = 64 - (12 + 9 * levels);
  return static_cast<uint64_t>(static_cast<int64_t>(bits << shift) >> shift);
}

}  // namespace cpu
