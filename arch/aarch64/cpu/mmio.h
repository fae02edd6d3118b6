// mmio.h: a block of device registers (aarch64 only).
//
// One instruction an access, without write-back: a hypervisor can decode what traps.
#pragma once

#include <cstdint>

namespace cpu {

struct Mmio {
  uint64_t base = 0;  // virtual; 0: none

  [[nodiscard]] uint32_t read32(uint64_t offset) const {
    uint32_t value;
    asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(base + offset) : "memory");
    return value;
  }
  void write32(uint64_t offset, uint32_t value) const {
    asm volatile("str %w0, [%1]" : : "r"(value), "r"(base + offset) : "memory");
  }
  [[nodiscard]] uint64_t read64(uint64_t offset) const {
    uint64_t value;
    asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(base + offset) : "memory");
    return value;
  }
  void write64(uint64_t offset, uint64_t value) const {
    asm volatile("str %0, [%1]" : : "r"(value), "r"(base + offset) : "memory");
  }
};

}  // namespace cpu
