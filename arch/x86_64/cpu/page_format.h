// page_format.h: page-table entries as the kernel's small walker sees them, and their effects.
//
// Entry functions are pure. Levels count from 1 (4 KiB leaves) up; a table has 512 entries.
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

inline constexpr uint64_t entry_present = 1u << 0;
inline constexpr uint64_t entry_write = 1u << 1;
inline constexpr uint64_t entry_user = 1u << 2;
inline constexpr uint64_t entry_write_through = 1u << 3;
inline constexpr uint64_t entry_no_cache = 1u << 4;
inline constexpr uint64_t entry_large = 1u << 7;
inline constexpr uint64_t entry_global = 1u << 8;
inline constexpr uint64_t entry_no_execute = 1ULL << 63;
inline constexpr uint64_t entry_address_mask = 0x000f'ffff'ffff'f000ULL;

// A leaf for `physical` at `level` (1 or 2). Kernel leaves are global, user leaves are not.
[[nodiscard]] constexpr uint64_t make_leaf(uint64_t physical, unsigned level, PageRights rights) {
  return physical | entry_present | (rights.write ? entry_write : 0) |
         (rights.user ? entry_user : entry_global) | (rights.execute ? 0 : entry_no_execute) |
         (rights.device ? entry_no_cache | entry_write_through : 0) |
         (rights.combining ? entry_write_through : 0) | (level > 1 ? entry_large : 0);
}

// An entry that points to the next table; it restricts nothing beyond user/kernel.
[[nodiscard]] constexpr uint64_t make_table(uint64_t physical, bool user) {
  return physical | entry_present | entry_write | (user ? entry_user : 0);
}

[[nodiscard]] constexpr bool is_present(uint64_t entry) {
  return (entry & entry_present) != 0;
}
[[nodiscard]] constexpr bool is_leaf(uint64_t entry, unsigned level) {
  return level == 1 || (entry & entry_large) != 0;
}
// Of a table, or of a leaf's first byte.
[[nodiscard]] constexpr uint64_t entry_address(uint64_t entry, unsigned level) {
  const uint64_t address = entry & entry_address_mask;
  return level > 1 && (entry & entry_large) ? address & ~((1ULL << (3 + 9 * level)) - 1) : address;
}
[[nodiscard]] constexpr PageRights leaf_rights(uint64_t entry) {
  return {(entry & entry_write) != 0, (entry & entry_no_execute) == 0, (entry & entry_user) != 0,
          (entry & entry_no_cache) != 0,
          (entry & (entry_no_cache | entry_write_through)) == entry_write_through};
}

// Makes a stored entry visible to the table walker (aarch64: DSB ISHST, ISB).
inline void publish_entries() {
  asm volatile("" : : : "memory");
}

// Forgets this CPU's translation of the page at `address`, a kernel page.
void invalidate_page(uint64_t address);
// Whether that reaches every CPU.
inline constexpr bool invalidates_everywhere = false;

// The root to put at a new user space's top: x86_64 shares the kernel half, so `fill` copies the
// kernel entries of the kernel's root into it; aarch64 has a root of its own and does nothing.
void prepare_user_root(uint64_t* root, const uint64_t* kernel_root);
// How many entries of a user root belong to the user half (x86_64: 256, aarch64: 512).
inline constexpr unsigned user_root_entries = 256;

// Remembers the kernel's root and stops using what the loader left in the user half.
void adopt_kernel_root(uint64_t root);
// The table in use while no user space is (x86_64: the kernel's own root; aarch64: an empty one).
// After adopt_kernel_root().
[[nodiscard]] base::Pfn idle_user_root();

// Makes code written through the direct map executable (aarch64: cache maintenance).
void sync_instructions(const void* data, uint64_t size);

// Where the kernel maps device registers and its guarded stacks: virtual addresses of the kernel
// half that the image and the direct map never use. [start, end), 2 MiB aligned.
inline constexpr uint64_t kernel_map_start = 0xffff'ffff'c000'0000ULL;
inline constexpr uint64_t kernel_map_end = 0xffff'ffff'ffe0'0000ULL;

// Bytes of the user half, and of the kernel half, with `levels` levels in use.
[[nodiscard]] constexpr uint64_t half_size(unsigned levels) {
  return 1ULL << (11 + 9 * levels);
}
// First address that is not the user's. The last page of the half is not: no instruction can end at
// a non-canonical address, and a user copy that is sent to this address gets a page fault, where a
// non-canonical one would get a general protection fault.
[[nodiscard]] constexpr uint64_t user_end(unsigned levels) {
  return half_size(levels) - 4096;
}
// First address of the kernel half.
[[nodiscard]] constexpr uint64_t kernel_start(unsigned levels) {
  return -half_size(levels);
}

// Which entry of a table at `level` translates `address`.
[[nodiscard]] constexpr unsigned entry_index(uint64_t address, unsigned level) {
  return unsigned(address >> (3 + 9 * level)) & 511;
}

}  // namespace cpu
