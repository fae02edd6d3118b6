// secondary_start.h: what a starting CPU finds behind its first instructions (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

// Lies in the page of secondary_entry.S, at secondary_start_offset.
struct SecondaryStart {
  // Real mode.
  uint32_t control4;      // CR4: PAE, with 5 levels LA57
  uint32_t root;          // CR3: maps this page to itself, and the kernel half
  uint32_t efer;          // LME, NXE
  uint32_t control0;      // CR0: PE, PG, WP
  uint16_t tables_limit;  // GDT
  uint16_t tables_low;    // its linear address
  uint16_t tables_high;
  uint16_t padding;
  uint32_t target;  // far pointer: where 64-bit code begins, linear
  uint16_t target_selector;
  uint16_t padding2[3];
  // 64-bit mode.
  uint64_t entry;
  uint64_t stack_top;
  uint64_t block;
  uint64_t kernel_root;
  uint64_t descriptors[3];  // GDT: null, code, data
};

inline constexpr uint64_t secondary_start_offset = 0x800;

}  // namespace cpu
