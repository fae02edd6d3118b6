// aarch64::Format: stage-1 descriptors of the EL1&0 regime, 4 KiB granule. Pure; any host compiles
// it.
//
// Source: Arm ARM (DDI 0487) D8.3 (descriptor formats), D8.4 (rights, hierarchical limits), D8.5
// (access flag and hardware dirty state), D8.6 (memory attributes), D8.16 (break-before-make).
//
//   bit    leaf                                     table
//   0      valid                                    valid
//   1      0 block (levels 2, 3), 1 page (level 1)  1
//   2-4    AttrIndx: memory type, see `mair`
//   6      AP[1]: EL0 may access
//   7      AP[2]: read-only, or writable and clean
//   8,9    SH (4 levels); output address 50-51 (5 levels, TCR_EL1.DS = 1)
//   10     AF
//   11     nG
//   12-49  frame (12-47 with 4 levels)              frame
//   51     DBM: the write right
//   52     contiguous: never set
//   53,54  PXN, UXN
//   55     dirty, while the write right is absent
//   56-58  Entry::software                          Entry::software
//   59,60                                           PXNTable, UXNTable
//   61,62                                           APTable: no EL0 access; read-only
// Not valid: bit 1 set is a leaf without rights (the other bits as above), bit 2 alone a software
// entry with its payload in bits 8-63.
//
// Write right and dirty: DBM with AP[2] = 1 is writable and clean; the first write clears AP[2], by
// hardware (FEAT_HAFDBS, TCR_EL1.HD) or in the fault handler. Levels are counted from the leaf as
// in vm/seam/entry.h: level 1 here is the manual's lookup level 3. Five levels mean FEAT_LPA2 with
// TCR_EL1.DS = 1, the only way to 52-bit addresses with this granule.
#pragma once

#include "base/bits.h"
#include "base/compiler.h"
#include "vm/seam/mmu_format.h"

namespace aarch64 {

// MAIR_EL1 as the kernel must set it: 0 Normal write-back, 1 Device-nGnRnE, 2 and 3 Normal
// non-cacheable. Two indices for the latter, so that an entry says which MemoryType it was given.
inline constexpr uint64_t mair = 0x4444'00ff;

struct Format {
  static constexpr const char* name = "aarch64";
  static constexpr unsigned payload_bits = 56;
  static constexpr unsigned software_bits = 3;
  static constexpr unsigned protection_key_bits = 0;

  using Access = base::Access;
  using Right = base::Right;
  using Entry = vm::Entry;
  using EntryKind = vm::EntryKind;
  using Features = vm::Features;

  static constexpr uint64_t valid = base::bit(0);
  static constexpr uint64_t not_block = base::bit(1);
  static constexpr unsigned attribute_shift = 2;
  static constexpr uint64_t el0 = base::bit(6);
  static constexpr uint64_t read_only = base::bit(7);
  static constexpr unsigned shareability_shift = 8;
  static constexpr uint64_t accessed = base::bit(10);
  static constexpr uint64_t not_global = base::bit(11);
  static constexpr uint64_t frame_mask =
      base::mask(12, 38);  // with 5 levels two bits are beside it
  static constexpr uint64_t dirty_modifier = base::bit(51);
  static constexpr uint64_t contiguous = base::bit(52);
  static constexpr uint64_t el1_no_execute = base::bit(53);
  static constexpr uint64_t el0_no_execute = base::bit(54);
  static constexpr uint64_t saved_dirty = base::bit(55);
  static constexpr unsigned software_shift = 56;
  static constexpr uint64_t table_el1_no_execute = base::bit(59);
  static constexpr uint64_t table_el0_no_execute = base::bit(60);
  static constexpr uint64_t table_no_el0 = base::bit(61);
  static constexpr uint64_t table_read_only = base::bit(62);

  static constexpr uint64_t no_rights_tag = base::bit(1);  // of a word that is not valid
  static constexpr uint64_t software_tag = base::bit(2);   // the same, bit 1 clear
  static constexpr unsigned payload_shift = 8;

  static constexpr base::VpnRange user_pages(const Features& features) {
    return {base::Vpn(0), base::Vpn(1ULL << (features.levels == 5 ? 40 : 36))};
  }
  // TTBR0 is the user's alone. Five levels translate 52 bits: the root has 16 entries.
  static constexpr unsigned user_root_entries(const Features& features) {
    return features.levels == 5 ? 16 : 512;
  }

  static constexpr bool leaf_allowed(unsigned level, const Features& features) {
    return level == 1 || level == 2 || (level == 3 && features.gigabyte_leaves);
  }

  // Write and execute include read: execute-only pages would be readable with PAN off.
  static constexpr Access granted(Access access, const Features&) {
    return access.any(Right::read | Right::write | Right::execute) ? access.with(Right::read)
                                                                   : access;
  }

  static BASE_ALWAYS_INLINE constexpr uint64_t encode(const Entry& entry, unsigned level,
                                                      const Features& features) {
    switch (entry.kind) {
      case EntryKind::absent: return 0;
      case EntryKind::software: return (entry.payload << payload_shift) | software_tag;
      case EntryKind::table:
        return valid | not_block | frame_bits(entry.frame, features) | software_field(entry) |
               table_limits(entry.access);
      case EntryKind::leaf: break;
    }
    const Access access = entry.access;
    const bool write = access.can_write();
    uint64_t word = frame_bits(entry.frame, features) | software_field(entry) |
                    (attribute_index(entry.memory_type) << attribute_shift) |
                    (access.is_user() ? el0 : 0) | (entry.accessed ? accessed : 0) |
                    (entry.global ? 0 : not_global) | (write ? dirty_modifier : 0) |
                    (write && entry.dirty ? 0 : read_only) |
                    (!write && entry.dirty ? saved_dirty : 0) | never_executed(access);
    if (features.levels != 5) word |= shareability(entry.memory_type) << shareability_shift;
    if (!access.can_read()) return word | no_rights_tag;
    return word | valid | (level == 1 ? not_block : 0);
  }

  static BASE_ALWAYS_INLINE constexpr Entry decode(uint64_t word, unsigned level,
                                                   const Features& features) {
    Entry entry;
    entry.kind = kind(word, level, features);
    switch (entry.kind) {
      case EntryKind::absent: return entry;
      case EntryKind::software: entry.payload = word >> payload_shift; return entry;
      case EntryKind::table: entry.access = table_access(word); break;
      case EntryKind::leaf:
        entry.access = access(word, level, features);
        entry.memory_type = memory_type_at(base::field(word, attribute_shift, 2));
        entry.accessed = (word & accessed) != 0;
        entry.dirty = is_dirty(word);
        entry.global = (word & not_global) == 0;
        break;
    }
    entry.software = software(word);
    entry.frame = frame(word, level, features);
    return entry;
  }

  static BASE_ALWAYS_INLINE constexpr EntryKind kind(uint64_t word, unsigned level,
                                                     const Features&) {
    if ((word & valid) != 0) {
      return level == 1 || (word & not_block) == 0 ? EntryKind::leaf : EntryKind::table;
    }
    if ((word & no_rights_tag) != 0) return EntryKind::leaf;
    return (word & software_tag) != 0 ? EntryKind::software : EntryKind::absent;
  }

  static BASE_ALWAYS_INLINE constexpr bool is_open(uint64_t word, unsigned level, const Features&) {
    return level > 1 && (word & (valid | not_block | table_read_only)) == (valid | not_block);
  }

  static BASE_ALWAYS_INLINE constexpr base::Pfn frame(uint64_t word, unsigned,
                                                      const Features& features) {
    return features.levels == 5
               ? base::Pfn(base::field(word, 12, 38) | (base::field(word, 8, 2) << 38))
               : base::Pfn(base::field(word, 12, 36));
  }

  static BASE_ALWAYS_INLINE constexpr Access access(uint64_t word, unsigned, const Features&) {
    Access access = (word & el0) != 0 ? Access(Right::user) : Access::none();
    if ((word & valid) == 0) return access;
    const uint64_t barred = access.is_user() ? el0_no_execute : el1_no_execute;
    access = access.with(Right::read);
    if ((word & dirty_modifier) != 0) access = access.with(Right::write);
    return (word & barred) == 0 ? access.with(Right::execute) : access;
  }

  static BASE_ALWAYS_INLINE constexpr uint8_t software(uint64_t word) {
    return uint8_t(base::field(word, software_shift, software_bits));
  }

  static BASE_ALWAYS_INLINE constexpr uint64_t with_access(uint64_t word, unsigned level,
                                                           Access access,
                                                           const Features& features) {
    if ((word & valid) == 0 || !access.can_read()) {
      Entry entry = decode(word, level, features);
      entry.access = access;
      return encode(entry, level, features);
    }
    const bool dirty = is_dirty(word);
    const uint64_t kept =
        word & ~(el0 | read_only | dirty_modifier | saved_dirty | el0_no_execute | el1_no_execute);
    return kept | (access.is_user() ? el0 : 0) | never_executed(access) |
           (access.can_write() ? dirty_modifier | (dirty ? 0 : read_only)
                               : read_only | (dirty ? saved_dirty : 0));
  }

  static constexpr uint64_t write_protect(uint64_t word, unsigned level, const Features& features) {
    if (kind(word, level, features) == EntryKind::table) return word | table_read_only;
    if ((word & dirty_modifier) == 0) return word;
    const uint64_t protected_word = (word & ~dirty_modifier) | read_only;
    return is_dirty(word) ? protected_word | saved_dirty : protected_word;
  }

  static constexpr uint64_t mark_clean(uint64_t word, unsigned, const Features&) {
    return (word & ~saved_dirty) | read_only;
  }

  static constexpr uint64_t mark_old(uint64_t word, unsigned, const Features&) {
    return word & ~accessed;
  }

  // D8.16.1: between two valid descriptors a break is needed when the memory type, shareability or
  // contiguous bit changes; when the output address does (two read-only entries with equal bytes
  // behind them would be exempt, but bytes are not to be seen here); when the size does (leaf
  // against table), unless FEAT_BBM level 2; when global and non-global trade places; when a table
  // descriptor names another table. Rights, AF, dirty state and bits that hardware ignores change
  // in place.
  static constexpr vm::Transition transition(uint64_t old_word, uint64_t new_word, unsigned level,
                                             const Features& features) {
    using vm::Transition;
    if ((old_word & valid) == 0 || (new_word & valid) == 0) return Transition::plain;
    const EntryKind old_kind = kind(old_word, level, features);
    if (old_kind != kind(new_word, level, features)) {
      return features.size_change_plain ? Transition::plain : Transition::break_before_make;
    }
    if (frame(old_word, level, features) != frame(new_word, level, features)) {
      return Transition::break_before_make;
    }
    if (old_kind == EntryKind::table) return Transition::plain;
    uint64_t attributes = base::mask(attribute_shift, 3) | not_global | contiguous;
    if (features.levels != 5) attributes |= base::mask(shareability_shift, 2);
    return ((old_word ^ new_word) & attributes) == 0 ? Transition::plain
                                                     : Transition::break_before_make;
  }

 private:
  static constexpr uint64_t frame_bits(base::Pfn frame, const Features& features) {
    if (features.levels == 5) {
      return ((frame.raw() & base::mask(0, 38)) << 12) | (base::field(frame.raw(), 38, 2) << 8);
    }
    return (frame.raw() & base::mask(0, 36)) << 12;
  }
  static constexpr uint64_t software_field(const Entry& entry) {
    return uint64_t(entry.software & 7) << software_shift;
  }
  static constexpr uint64_t attribute_index(base::MemoryType type) {
    switch (type) {
      case base::MemoryType::write_back: return 0;
      case base::MemoryType::write_combining: return 2;
      case base::MemoryType::uncached: return 3;
      case base::MemoryType::device: return 1;
    }
    return 0;
  }
  static constexpr base::MemoryType memory_type_at(uint64_t index) {
    constexpr base::MemoryType types[] = {base::MemoryType::write_back, base::MemoryType::device,
                                          base::MemoryType::write_combining,
                                          base::MemoryType::uncached};
    return types[index];
  }
  // Inner shareable for write-back; for the others it has no effect, outer is the convention.
  static constexpr uint64_t shareability(base::MemoryType type) {
    return type == base::MemoryType::write_back ? 3 : 2;
  }
  // The kernel never executes a user page, a user program never a kernel page.
  static constexpr uint64_t never_executed(Access access) {
    if (!access.can_execute()) return el0_no_execute | el1_no_execute;
    return access.is_user() ? el1_no_execute : el0_no_execute;
  }
  static constexpr bool is_dirty(uint64_t word) {
    return (word & saved_dirty) != 0 || (word & (dirty_modifier | read_only)) == dirty_modifier;
  }
  static constexpr uint64_t table_limits(Access access) {
    return (access.can_write() ? 0 : table_read_only) | (access.is_user() ? 0 : table_no_el0) |
           (access.can_execute() ? 0 : table_el0_no_execute | table_el1_no_execute);
  }
  static constexpr Access table_access(uint64_t word) {
    Access access = Right::read;
    if ((word & table_read_only) == 0) access = access.with(Right::write);
    if ((word & table_no_el0) == 0) access = access.with(Right::user);
    if ((word & table_el0_no_execute) == 0) access = access.with(Right::execute);
    return access;
  }
};
static_assert(vm::MmuFormat<Format>);

}  // namespace aarch64
