// TableFormat: x86_64 translation entries, as far as the loader writes them.
//
// Accessed and dirty are set beforehand so that the processor never writes to the loader's tables.
// Source: Intel SDM volume 3, section 4.5 (4-level and 5-level paging).
#pragma once

#include "boot/uefi/elf_image.h"

namespace boot {

struct TableFormat {
  // The kernel's half starts here with 4 levels; the same address is canonical with 5, where it
  // lies in the last top-level entry, so both trees have one layout.
  static constexpr uint64_t direct_map_base = 0xffff800000000000;
  static constexpr uint64_t direct_map_limit = uint64_t{64} << 40;

  static constexpr uint64_t present = 1, writable = 2, accessed = 0x20, dirty = 0x40;
  static constexpr uint64_t large = 0x80, no_execute = uint64_t{1} << 63;
  static constexpr uint64_t address_mask = 0x000ffffffffff000;

  uint64_t table(uint64_t physical) const { return physical | present | writable | accessed; }

  uint64_t leaf(uint64_t physical, unsigned level, Rights rights) const {
    uint64_t entry = physical | present | accessed | dirty;
    if (level > 1) entry |= large;
    if (rights == Rights::read_write) entry |= writable;
    if (rights != Rights::read_execute) entry |= no_execute;
    return entry;
  }

  bool is_table(uint64_t entry) const { return (entry & large) == 0; }
  uint64_t table_address(uint64_t entry) const { return entry & address_mask; }
  unsigned entries_at(unsigned) const { return 512; }
};

}  // namespace boot
