// X86_64: how an x86_64 CPU in 4- or 5-level paging reads its entries (Intel SDM vol. 3A, 4.5, 4.6,
// 4.8, 4.10). CR0.WP, EFER.NXE, SMEP on; kernel accesses to user pages are made with AC set.
#pragma once

#include "sim/hardware.h"

namespace sim {

struct X86_64 {
  static constexpr const char* name = "x86_64";
  static constexpr HardwareRules rules{.breaks_before_makes = false,
                                       .publishes = false,
                                       .fault_forgets = true,
                                       .invalidates_everywhere = false};

  static constexpr bool one(uint64_t word, unsigned index) { return (word >> index & 1) != 0; }

  static constexpr HardwareEntry read(uint64_t word, unsigned level, const vm::Features&) {
    HardwareEntry entry;
    if (!one(word, 0)) return entry;
    const bool leaf = level == 1 || (level <= 3 && one(word, 7));
    entry.kind = leaf ? HardwareEntry::Kind::leaf : HardwareEntry::Kind::table;
    entry.frame = base::Pfn(word >> 12 & 0xff'ffff'ffffULL);
    base::Access rights = base::Right::read;
    if (one(word, 1)) rights = rights | base::Right::write;
    if (!one(word, 63)) rights = rights | base::Right::execute;
    entry.rights.user = one(word, 2) ? rights : base::Access::none();
    // SMEP: a page that is a user's at every level is not the kernel's to execute. A table only
    // passes on what its leaves say.
    entry.rights.kernel = leaf && one(word, 2) ? rights.without(base::Right::execute) : rights;
    if (leaf) {
      entry.accessed = one(word, 5);
      entry.dirty = one(word, 6);
      entry.global = one(word, 8);
      entry.memory_type = uint8_t(word >> 3 & 3);
    }
    return entry;
  }
  static constexpr uint64_t with_accessed(uint64_t word) { return word | 1ULL << 5; }
  static constexpr uint64_t with_dirty(uint64_t word) { return word | 1ULL << 6 | 1ULL << 5; }

  static constexpr bool translates(uint64_t address, const vm::Features& features) {
    return address >> (12 + 9 * features.levels - 1) == 0;  // the lower, user half
  }
  static constexpr bool must_break(uint64_t, uint64_t, unsigned, const vm::Features&) {
    return false;
  }
  static constexpr const char* malformed(uint64_t word, unsigned level, const vm::Features& f) {
    if (!one(word, 0)) return nullptr;
    if (level >= 4 && one(word, 7)) return "bit 7 in a root or level-4 entry";
    if (level == 3 && one(word, 7) && !f.gigabyte_leaves) return "1 GiB leaf without the feature";
    if (!f.no_execute && one(word, 63)) return "XD without EFER.NXE";
    const uint64_t frame = word >> 12 & 0xff'ffff'ffffULL;
    if (f.physical_bits < 52 && frame >> (f.physical_bits - 12) != 0) return "frame too high";
    if (level > 1 && one(word, 7) && (frame & ((1ULL << (9 * (level - 1))) - 1)) != 0) {
      return "large leaf that is not aligned";
    }
    if (!one(word, 1) && one(word, 6) && (level == 1 || one(word, 7))) {
      return "dirty without write: a shadow stack page";
    }
    return nullptr;
  }
};
static_assert(Hardware<X86_64>);

}  // namespace sim
