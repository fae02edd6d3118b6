// Aarch64: how an aarch64 CPU reads stage-1 descriptors of the EL1&0 regime with the 4 KiB granule
// (Arm ARM DDI 0487, D8.3 to D8.5, D8.16). Features::hardware_accessed and hardware_dirty are
// TCR_EL1.HA and HD; five levels mean TCR_EL1.DS = 1 (LPA2).
#pragma once

#include "sim/hardware.h"

namespace sim {

struct Aarch64 {
  static constexpr const char* name = "aarch64";
  static constexpr HardwareRules rules{.breaks_before_makes = true,
                                       .publishes = true,
                                       .fault_forgets = false,
                                       .invalidates_everywhere = true};

  static constexpr bool one(uint64_t word, unsigned index) { return (word >> index & 1) != 0; }

  static constexpr HardwareEntry read(uint64_t word, unsigned level, const vm::Features& features) {
    using base::Right;
    HardwareEntry entry;
    if (!one(word, 0)) return entry;
    const bool leaf = level == 1 || !one(word, 1);
    if (level == 1 && !one(word, 1)) return entry;  // reserved encoding: a fault
    entry.kind = leaf ? HardwareEntry::Kind::leaf : HardwareEntry::Kind::table;
    entry.frame = frame(word, features);
    if (!leaf) {
      entry.rights = {};
      if (one(word, 61)) entry.rights.user = base::Access::none();
      if (one(word, 62)) {
        entry.rights.user = entry.rights.user.without(Right::write);
        entry.rights.kernel = entry.rights.kernel.without(Right::write);
      }
      if (one(word, 60)) entry.rights.user = entry.rights.user.without(Right::execute);
      if (one(word, 59)) entry.rights.kernel = entry.rights.kernel.without(Right::execute);
      return entry;
    }
    const bool read_only = one(word, 7);
    const bool upgradable = one(word, 51) && features.hardware_dirty;  // DBM under TCR.HD
    base::Access rights = Right::read;
    if (!read_only || upgradable) rights = rights | Right::write;
    entry.rights.kernel = one(word, 53) ? rights : rights | Right::execute;
    if (one(word, 6)) {
      entry.rights.user = one(word, 54) ? rights : rights | Right::execute;
      // Writable at EL0 is never executed at EL1.
      if (rights.can_write()) entry.rights.kernel = entry.rights.kernel.without(Right::execute);
    } else {
      entry.rights.user = one(word, 54) ? base::Access::none() : base::Access(Right::execute);
    }
    entry.accessed = one(word, 10);
    entry.dirty = !read_only;
    entry.global = !one(word, 11);
    entry.memory_type = uint8_t(word >> 2 & 7);
    return entry;
  }
  static constexpr uint64_t with_accessed(uint64_t word) { return word | 1ULL << 10; }
  static constexpr uint64_t with_dirty(uint64_t word) { return with_accessed(word & ~(1ULL << 7)); }

  static constexpr bool translates(uint64_t address, const vm::Features& features) {
    return address >> (features.levels == 5 ? 52 : 48) == 0;
  }
  static constexpr bool must_break(uint64_t old_word, uint64_t new_word, unsigned level,
                                   const vm::Features& features) {
    if (!one(old_word, 0) || !one(new_word, 0) || old_word == new_word) return false;
    const HardwareEntry before = read(old_word, level, features);
    const HardwareEntry after = read(new_word, level, features);
    if (before.kind != after.kind) return !features.size_change_plain;
    if (before.frame != after.frame) return true;
    if (before.kind == HardwareEntry::Kind::table) return false;
    return before.memory_type != after.memory_type || before.global != after.global ||
           one(old_word ^ new_word, 52) ||
           (features.levels != 5 && ((old_word ^ new_word) >> 8 & 3) != 0);
  }
  static constexpr const char* malformed(uint64_t word, unsigned level, const vm::Features& f) {
    if (!one(word, 0)) return nullptr;
    if (level == 1 && !one(word, 1)) return "level-1 descriptor 0b01";
    if (level >= 4 && !one(word, 1)) return "block at a level that has none";
    if (level == 3 && !one(word, 1) && !f.gigabyte_leaves) return "1 GiB block without the feature";
    if (level > 1 && !one(word, 1) &&
        (frame(word, f).raw() & ((1ULL << (9 * (level - 1))) - 1)) != 0) {
      return "block that is not aligned";
    }
    if (f.physical_bits < 52 && frame(word, f).raw() >> (f.physical_bits - 12) != 0) {
      return "frame too high";
    }
    return nullptr;
  }

 private:
  static constexpr base::Pfn frame(uint64_t word, const vm::Features& features) {
    if (features.levels == 5) {
      return base::Pfn((word >> 12 & ((1ULL << 38) - 1)) | (word >> 8 & 3) << 38);
    }
    return base::Pfn(word >> 12 & ((1ULL << 36) - 1));
  }
};
static_assert(Hardware<Aarch64>);

}  // namespace sim
