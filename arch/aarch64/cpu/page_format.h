// page_format.h: page-table entries as the kernel's small walker sees them, and their effects.
//
// Entry functions are pure. Levels count from 1 (4 KiB leaves) up; a table has 512 entries.
// Format: VMSAv8-64, 4 KiB granule, with or without 52-bit descriptors (TCR_EL1.DS). Access flag
// set (no access faults), inner shareable. MAIR_EL1 has write-back memory at index 0,
// Device-nGnRnE at index 1 and normal non-cacheable memory at index 2. Source: Arm ARM D8.3
// (descriptor formats), D8.4 (permissions).
#pragma once

#include <cstdint>

#include "base/address.h"

namespace cpu {

struct PageRights {
  bool write;
  bool execute;
  bool user;
  bool device;             // uncached; false: ordinary write-back memory
  bool combining = false;  // with `device` false: uncached, but writes may be gathered (pixels)
  bool operator==(const PageRights&) const = default;
};

inline constexpr uint64_t entry_valid = 1u << 0;
inline constexpr uint64_t entry_table_or_page = 1u << 1;
inline constexpr uint64_t entry_device = 1u << 2;     // AttrIndx = 1
inline constexpr uint64_t entry_combining = 2u << 2;  // AttrIndx = 2
inline constexpr uint64_t entry_user = 1u << 6;       // AP[1]
inline constexpr uint64_t entry_read_only = 1u << 7;  // AP[2]
inline constexpr uint64_t entry_inner_shareable = 3u << 8;
inline constexpr uint64_t entry_accessed = 1u << 10;
inline constexpr uint64_t entry_not_global = 1u << 11;
inline constexpr uint64_t entry_kernel_no_execute = 1ULL << 53;
inline constexpr uint64_t entry_user_no_execute = 1ULL << 54;
// Output address bits 49 to 12; no supported machine has memory at 2^50 and above.
inline constexpr uint64_t entry_address_mask = 0x0003'ffff'ffff'f000ULL;

// What a leaf says about shareability: entry_inner_shareable, or nothing with 52-bit descriptors,
// where TCR_EL1 says it for all and the two bits belong to the address. Set by
// adopt_kernel_root().
inline constinit uint64_t leaf_shareability = entry_inner_shareable;

// A leaf for `physical` at `level` (1 or 2). Kernel leaves are global, user leaves are not.
// The kernel never executes a user leaf, nor a user a kernel leaf.
[[nodiscard]] inline uint64_t make_leaf(uint64_t physical, unsigned level, PageRights rights) {
  return physical | entry_valid | (level == 1 ? entry_table_or_page : 0) |
         (rights.device ? entry_device : 0) | (rights.combining ? entry_combining : 0) |
         (rights.user ? entry_user | entry_not_global : 0) | (rights.write ? 0 : entry_read_only) |
         leaf_shareability | entry_accessed |
         (rights.execute && !rights.user ? 0 : entry_kernel_no_execute) |
         (rights.execute && rights.user ? 0 : entry_user_no_execute);
}

// An entry that points to the next table; it restricts nothing.
[[nodiscard]] constexpr uint64_t make_table(uint64_t physical, bool /*user*/) {
  return physical | entry_valid | entry_table_or_page;
}

[[nodiscard]] constexpr bool is_present(uint64_t entry) {
  return (entry & entry_valid) != 0;
}
[[nodiscard]] constexpr bool is_leaf(uint64_t entry, unsigned level) {
  return level == 1 || (entry & entry_table_or_page) == 0;
}
// Of a table, or of a leaf's first byte.
[[nodiscard]] constexpr uint64_t entry_address(uint64_t entry, unsigned level) {
  const uint64_t address = entry & entry_address_mask;
  return is_leaf(entry, level) ? address & ~((1ULL << (3 + 9 * level)) - 1) : address;
}
[[nodiscard]] constexpr PageRights leaf_rights(uint64_t entry) {
  const bool user = (entry & entry_user) != 0;
  return {(entry & entry_read_only) == 0,
          (entry & (user ? entry_user_no_execute : entry_kernel_no_execute)) == 0, user,
          (entry & entry_device) != 0, (entry & entry_combining) != 0};
}

// Makes a stored entry visible to the table walker (aarch64: DSB ISHST, ISB).
inline void publish_entries() {
  asm volatile("dsb ishst\n\tisb" : : : "memory");
}

// Forgets every CPU's translation of the page at `address`, a kernel page.
void invalidate_page(uint64_t address);
// Whether that reaches every CPU.
inline constexpr bool invalidates_everywhere = true;

// The root to put at a new user space's top: x86_64 shares the kernel half, so `fill` copies the
// kernel entries of the kernel's root into it; aarch64 has a root of its own and does nothing.
inline void prepare_user_root(uint64_t* /*root*/, const uint64_t* /*kernel_root*/) {}
// How many entries of a user root belong to the user half (x86_64: 256, aarch64: 512).
inline constexpr unsigned user_root_entries = 512;

// Remembers the kernel's root and stops using what the loader left in the user half.
void adopt_kernel_root(uint64_t root);
// The table in use while no user space is (x86_64: the kernel's own root; aarch64: an empty one).
// After adopt_kernel_root().
[[nodiscard]] base::Pfn idle_user_root();

// Where a kernel address lies in memory.
[[nodiscard]] uint64_t physical_address(const void* kernel_address);

// Makes code written through the direct map executable (aarch64: cache maintenance).
void sync_instructions(const void* data, uint64_t size);

// Where the kernel maps device registers and its guarded stacks: virtual addresses of the kernel
// half that the image and the direct map never use. [start, end), 2 MiB aligned.
inline constexpr uint64_t kernel_map_start = 0xffff'ffff'c000'0000ULL;
inline constexpr uint64_t kernel_map_end = 0xffff'ffff'ffe0'0000ULL;

// Bytes of the user half, and of the kernel half, with `levels` levels in use: four levels
// translate 48 bits, a fifth adds the four bits of level -1.
[[nodiscard]] constexpr uint64_t half_size(unsigned levels) {
  return levels == 5 ? 1ULL << 52 : 1ULL << (12 + 9 * levels);
}
// First address that is not the user's: its half but the last page, which is never mapped.
[[nodiscard]] constexpr uint64_t user_end(unsigned levels) {
  return half_size(levels) - 4096;
}
// First address of the kernel half.
[[nodiscard]] constexpr uint64_t kernel_start(unsigned levels) {
  return -half_size(levels);
}

// Which entry of a table at `level` translates `address`. The fifth level has 16 entries.
[[nodiscard]] constexpr unsigned entry_index(uint64_t address, unsigned level) {
  return static_cast<unsigned>(address >> (3 + 9 * level)) & (level == 5 ? 15 : 511);
}

}  // namespace cpu
