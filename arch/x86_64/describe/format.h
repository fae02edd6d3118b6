// x86_64::Format: page-table entries of 4- and 5-level paging. Pure; any host compiles it.
//
// Source: Intel SDM vol. 3A, chapter 4 "Paging": 4.5.4 (entry layout, tables 4-15 to 4-20), 4.6
// (rights), 4.6.2 (protection keys), 4.8 (accessed and dirty), 4.9 (memory typing, PAT); 4.10.2.3
// and 4.10.4 for why every transition is plain.
//
//   bit   present entry                            not present
//   0     P = 1                                    0
//   1     R/W                                      1: software entry
//   2     U/S                                      leaf without rights: as present
//   3,4   PWT, PCD: memory type, see `pat`         as present
//   5     A                                        as present
//   6     D (written only with R/W)                1: leaf without rights
//   7     PS at levels 2, 3                        as present
//   8     G                                        as present
//   9-11  Entry::software                          as present
//   12-51 frame                                    inverted: speculation (L1TF) finds no RAM
//   58    dirty, while the write right is absent   as present
//   59-62 protection key of a leaf                 as present
//   63    XD                                       as present
//
// A software entry has its payload, inverted, in bits 8-63.
//
// Dirty without the write right lives in bit 58: R/W = 0 with D = 1 would mean a shadow stack.
// PWT and PCD alone select the memory type, so the PAT bit (7, or 12 of a large leaf) stays clear.
#pragma once

#include "base/bits.h"
#include "base/compiler.h"
#include "vm/seam/mmu_format.h"

namespace x86_64 {

// IA32_PAT (MSR 0x277) as the kernel must set it on every CPU: WB, WC, UC-, UC; WB, WP, UC-, WT.
inline constexpr uint64_t pat = 0x0407'0506'0007'0106;

struct Format {
  static constexpr const char* name = "x86_64";
  static constexpr unsigned payload_bits = 56;
  static constexpr unsigned software_bits = 3;
  static constexpr unsigned protection_key_bits = 4;

  using Access = base::Access;
  using Right = base::Right;
  using Entry = vm::Entry;
  using EntryKind = vm::EntryKind;
  using Features = vm::Features;

  static constexpr uint64_t present = base::bit(0);
  static constexpr uint64_t writable = base::bit(1);
  static constexpr uint64_t user = base::bit(2);
  static constexpr unsigned memory_type_shift = 3;
  static constexpr uint64_t accessed = base::bit(5);
  static constexpr uint64_t dirty = base::bit(6);
  static constexpr uint64_t page_size = base::bit(7);
  static constexpr uint64_t global = base::bit(8);
  static constexpr unsigned software_shift = 9;
  static constexpr uint64_t frame_mask = base::mask(12, 40);
  static constexpr uint64_t saved_dirty = base::bit(58);
  static constexpr unsigned key_shift = 59;
  static constexpr uint64_t no_execute = base::bit(63);

  static constexpr uint64_t software_tag = base::bit(1);   // of a word that is not present
  static constexpr uint64_t no_rights_tag = base::bit(6);  // the same
  static constexpr unsigned payload_shift = 8;

  static constexpr base::VpnRange user_pages(const Features& features) {
    return {base::Vpn(0), base::Vpn(1ULL << (vm::index_bits * features.levels - 1))};
  }
  static constexpr unsigned user_root_entries(const Features&) { return 256; }

  static constexpr bool leaf_allowed(unsigned level, const Features& features) {
    return level == 1 || level == 2 || (level == 3 && features.gigabyte_leaves);
  }

  // Write and execute include read; without XD everything readable is executable.
  static constexpr Access granted(Access access, const Features& features) {
    if (!access.any(Right::read | Right::write | Right::execute)) return access;
    return access.with(features.no_execute ? Access(Right::read) : Right::read | Right::execute);
  }

  static BASE_ALWAYS_INLINE constexpr uint64_t encode(const Entry& entry, unsigned level,
                                                      const Features& features) {
    switch (entry.kind) {
      case EntryKind::absent: return 0;
      case EntryKind::software: return (~entry.payload << payload_shift) | software_tag;
      case EntryKind::table:
        return present | frame_bits(entry.frame) | software_field(entry) |
               rights(entry.access, features);
      case EntryKind::leaf: break;
    }
    uint64_t word = (uint64_t(entry.memory_type) << memory_type_shift) | software_field(entry) |
                    (uint64_t(entry.protection_key) << key_shift) | (level > 1 ? page_size : 0) |
                    (entry.accessed ? accessed : 0) | (entry.global ? global : 0);
    if (!entry.access.can_read()) {
      return word | no_rights_tag | (entry.access.is_user() ? user : 0) | no_execute |
             (entry.dirty ? saved_dirty : 0) | (~frame_bits(entry.frame) & frame_mask);
    }
    word |= present | rights(entry.access, features) | frame_bits(entry.frame);
    if (entry.dirty) word |= entry.access.can_write() ? dirty : saved_dirty;
    return word;
  }

  static BASE_ALWAYS_INLINE constexpr Entry decode(uint64_t word, unsigned level,
                                                   const Features& features) {
    Entry entry;
    entry.kind = kind(word, level, features);
    switch (entry.kind) {
      case EntryKind::absent: return entry;
      case EntryKind::software:
        entry.payload = (~word >> payload_shift) & base::mask(0, payload_bits);
        return entry;
      case EntryKind::table: entry.access = access_of(word); break;
      case EntryKind::leaf:
        entry.access = access(word, level, features);
        entry.memory_type = base::MemoryType(base::field(word, memory_type_shift, 2));
        entry.protection_key = uint8_t(base::field(word, key_shift, 4));
        entry.accessed = (word & accessed) != 0;
        entry.dirty = (word & saved_dirty) != 0 || (word & (present | dirty)) == (present | dirty);
        entry.global = (word & global) != 0;
        break;
    }
    entry.software = software(word);
    entry.frame = frame(word, level, features);
    return entry;
  }

  static BASE_ALWAYS_INLINE constexpr EntryKind kind(uint64_t word, unsigned level,
                                                     const Features&) {
    if ((word & present) != 0) {
      return level == 1 || (word & page_size) != 0 ? EntryKind::leaf : EntryKind::table;
    }
    if ((word & software_tag) != 0) return EntryKind::software;
    return (word & no_rights_tag) != 0 ? EntryKind::leaf : EntryKind::absent;
  }

  static BASE_ALWAYS_INLINE constexpr bool is_open(uint64_t word, unsigned level, const Features&) {
    return level > 1 && (word & (present | writable | page_size)) == (present | writable);
  }

  static BASE_ALWAYS_INLINE constexpr base::Pfn frame(uint64_t word, unsigned, const Features&) {
    const uint64_t bits = (word & present) != 0 ? word : ~word;
    return base::Pfn((bits & frame_mask) >> base::page_shift);
  }

  static BASE_ALWAYS_INLINE constexpr Access access(uint64_t word, unsigned, const Features&) {
    if ((word & present) != 0) return access_of(word);
    return (word & user) != 0 ? Access(Right::user) : Access::none();
  }

  static BASE_ALWAYS_INLINE constexpr uint8_t software(uint64_t word) {
    return uint8_t(base::field(word, software_shift, software_bits));
  }

  static BASE_ALWAYS_INLINE constexpr uint64_t with_access(uint64_t word, unsigned level,
                                                           Access access,
                                                           const Features& features) {
    if ((word & present) == 0 || !access.can_read()) {
      Entry entry = decode(word, level, features);
      entry.access = access;
      return encode(entry, level, features);
    }
    const uint64_t kept = word & ~(writable | user | dirty | saved_dirty | no_execute);
    const uint64_t written = access.can_write() ? dirty : saved_dirty;
    return kept | rights(access, features) | ((word & (dirty | saved_dirty)) != 0 ? written : 0);
  }

  static constexpr uint64_t write_protect(uint64_t word, unsigned level, const Features& features) {
    if ((word & (present | writable)) != (present | writable)) return word;
    const bool move_dirty = kind(word, level, features) == EntryKind::leaf && (word & dirty) != 0;
    return move_dirty ? (word & ~(writable | dirty)) | saved_dirty : word & ~writable;
  }

  static constexpr uint64_t mark_clean(uint64_t word, unsigned, const Features&) {
    return (word & present) != 0 ? word & ~(dirty | saved_dirty) : word & ~saved_dirty;
  }

  static constexpr uint64_t mark_old(uint64_t word, unsigned, const Features&) {
    return word & ~accessed;
  }

  // The processor uses the old or the new entry until an invalidation, never a mixture; both are
  // right until then, so nothing has to be broken first. Exception left to the caller: parts with
  // the ITLB multihit erratum machine-check when the size of an executable leaf changes in place,
  // so table code replaces leaf by table, and table by leaf, through absent on this format too.
  static constexpr vm::Transition transition(uint64_t, uint64_t, unsigned, const Features&) {
    return vm::Transition::plain;
  }

 private:
  static constexpr uint64_t frame_bits(base::Pfn frame) {
    return (frame.raw() << base::page_shift) & frame_mask;
  }
  static constexpr uint64_t software_field(const Entry& entry) {
    return uint64_t(entry.software & 7) << software_shift;
  }
  static constexpr uint64_t rights(Access access, const Features& features) {
    return (access.can_write() ? writable : 0) | (access.is_user() ? user : 0) |
           (access.can_execute() || !features.no_execute ? 0 : no_execute);
  }
  static constexpr Access access_of(uint64_t word) {
    Access access = Right::read;
    if ((word & writable) != 0) access = access.with(Right::write);
    if ((word & user) != 0) access = access.with(Right::user);
    if ((word & no_execute) == 0) access = access.with(Right::execute);
    return access;
  }
};
static_assert(vm::MmuFormat<Format>);

}  // namespace x86_64
