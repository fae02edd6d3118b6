// io.h: I/O ports, model-specific registers, CPUID, control registers (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
[[nodiscard]] inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
[[nodiscard]] inline uint16_t in16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
[[nodiscard]] inline uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

// Model-specific registers (Intel SDM volume 4).
enum class Msr : uint32_t {
  apic_base = 0x1b,
  page_attributes = 0x277,
  efer = 0xc000'0080,
  star = 0xc000'0081,
  lstar = 0xc000'0082,
  fmask = 0xc000'0084,
  fs_base = 0xc000'0100,
  gs_base = 0xc000'0101,
  kernel_gs_base = 0xc000'0102,
};

[[nodiscard]] inline uint64_t read_msr(Msr msr) {
  uint32_t low;
  uint32_t high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(uint32_t(msr)) : "memory");
  return (uint64_t(high) << 32) | low;
}
inline void write_msr(Msr msr, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(uint32_t(msr)), "a"(uint32_t(value)), "d"(uint32_t(value >> 32))
               : "memory");
}

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};
[[nodiscard]] inline CpuidResult cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

[[nodiscard]] inline uint64_t read_cr0() {
  uint64_t value;
  asm volatile("movq %%cr0, %0" : "=r"(value));
  return value;
}
inline void write_cr0(uint64_t value) {
  asm volatile("movq %0, %%cr0" : : "r"(value) : "memory");
}
[[nodiscard]] inline uint64_t read_cr2() {
  uint64_t value;
  asm volatile("movq %%cr2, %0" : "=r"(value));
  return value;
}
[[nodiscard]] inline uint64_t read_cr3() {
  uint64_t value;
  asm volatile("movq %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr3(uint64_t value) {
  asm volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}
[[nodiscard]] inline uint64_t read_cr4() {
  uint64_t value;
  asm volatile("movq %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(uint64_t value) {
  asm volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

// Cycles since reset; not ordered with other instructions.
[[nodiscard]] inline uint64_t read_tsc() {
  uint32_t low;
  uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t(high) << 32) | low;
}

}  // namespace cpu
