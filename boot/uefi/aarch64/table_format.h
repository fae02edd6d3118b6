// TableFormat: aarch64 stage 1 translation entries (4 KiB granule), as far as the loader writes
// them.
//
// Every leaf is Normal write-back memory (MAIR index 0), inner shareable, privileged, never
// executable by user mode, with the access flag set. With 52-bit descriptors (TCR_EL1.DS = 1) the
// shareability bits of an entry are address bits instead and TCR_EL1.SH1 says the shareability.
// Source: Arm ARM (DDI 0487), section D8.3 (translation table descriptor formats).
#pragma once

#include "boot/uefi/elf_image.h"

namespace boot {

struct TableFormat {
  static constexpr uint64_t direct_map_base = 0xffff000000000000;
  static constexpr uint64_t direct_map_limit = uint64_t{64} << 40;

  static constexpr uint64_t valid = 1, table_or_page = 2;
  static constexpr uint64_t read_only = uint64_t{1} << 7, inner_shareable = uint64_t{3} << 8;
  static constexpr uint64_t access_flag = uint64_t{1} << 10;
  static constexpr uint64_t privileged_execute_never = uint64_t{1} << 53;
  static constexpr uint64_t user_execute_never = uint64_t{1} << 54;
  static constexpr uint64_t address_mask = 0x0000fffffffff000;

  bool wide_descriptors = false;  // TCR_EL1.DS

  uint64_t table(uint64_t physical) const { return physical | valid | table_or_page; }

  uint64_t leaf(uint64_t physical, unsigned level, Rights rights) const {
    uint64_t entry = physical | valid | access_flag | user_execute_never;
    if (!wide_descriptors) entry |= inner_shareable;
    if (level == 1) entry |= table_or_page;
    if (rights != Rights::read_write) entry |= read_only;
    if (rights != Rights::read_execute) entry |= privileged_execute_never;
    return entry;
  }

  bool is_table(uint64_t entry) const { return (entry & table_or_page) != 0; }
  uint64_t table_address(uint64_t entry) const { return entry & address_mask; }

  // The fifth level resolves only bits 51:48.
  unsigned entries_at(unsigned level) const { return level == 5 ? 16 : 512; }
};

}  // namespace boot
