// aarch64::Mmu: the effects behind vm::MmuOps on the processing element that executes it. TTBR0,
// the EL1&0 regime, 4 KiB granule.
//
// Source: Arm ARM (DDI 0487): D8.13 (TLB maintenance, ranges), D8.14 to D8.16 (caching of
// translations, ordering of their maintenance), D19 TTBR0_EL1, C5.5 (operands of TLBI), B2.7.4 and
// D7.5 (instruction caches); Arm's "Learn the architecture: memory management" on DSB and ISB.
//
// Entry writes reach table walkers after DSB ISHST; TLBI ... IS goes to all CPUs of the inner
// shareable domain and is complete after DSB ISH.
#pragma once

#include "vm/seam/features.h"
#include "vm/seam/mmu_ops.h"

namespace aarch64 {

class Mmu {
 public:
  static constexpr vm::InvalidateReach reach = vm::InvalidateReach::all_cpus;

  // `empty_root`: a table of zeros, in use while no space is. TCR_EL1.A1 is 0, AS as tag_bits says.
  Mmu(const vm::Features& features, base::Pfn empty_root)
      : empty_root_(empty_root),
        // With 52-bit addresses a range begins at a multiple of 64 KiB; not worth its own path.
        ranged_(features.ranged_invalidate && features.levels != 5) {}

  uint64_t load(const uint64_t* slot) const { return __atomic_load_n(slot, __ATOMIC_ACQUIRE); }
  void store(uint64_t* slot, uint64_t word) { __atomic_store_n(slot, word, __ATOMIC_RELEASE); }
  uint64_t exchange(uint64_t* slot, uint64_t word) {
    return __atomic_exchange_n(slot, word, __ATOMIC_ACQ_REL);
  }
  uint64_t compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired) {
    __atomic_compare_exchange_n(slot, &expected, desired, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return expected;
  }
  // The ISB, so that this CPU's next access does not fault on what it has walked ahead.
  void publish() { asm volatile("dsb ishst\n\tisb" : : : "memory"); }

  void invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate what) {
    asm volatile("dsb ishst" : : : "memory");
    uint64_t page = pages.first().raw();
    uint64_t left = pages.count().raw();
    while (left != 0) {
      const uint64_t covered = ranged_ && left > 1 ? invalidate_range(tag, page, left, what)
                                                   : invalidate_page(tag, page, what);
      page += covered;
      left -= covered;
    }
    complete();
  }
  void invalidate_tag(vm::Tag tag) {
    asm volatile("dsb ishst\n\ttlbi aside1is, %0" : : "r"(uint64_t(tag.raw()) << 48) : "memory");
    complete();
  }
  void invalidate_everything() {
    asm volatile("dsb ishst\n\ttlbi vmalle1is" : : : "memory");
    complete();
  }

  void activate(base::Pfn root, vm::Tag tag, vm::OnActivate what) {
    if (what == vm::OnActivate::forget) invalidate_tag(tag);
    write_ttbr0(root, tag);
  }
  void deactivate() { write_ttbr0(empty_root_, vm::Tag(0)); }

  // Data cache clean and instruction cache invalidate to the point of unification, unless CTR_EL0
  // says that the hardware does without (IDC, DIC).
  void sync_instructions(void* data, base::Bytes size) {
    uint64_t type;
    asm volatile("mrs %0, ctr_el0" : "=r"(type));
    const auto first = reinterpret_cast<uint64_t>(data);
    const uint64_t end = first + size.raw();
    if ((type & idc) == 0) {
      const uint64_t line = 4ULL << ((type >> 16) & 15);
      for (uint64_t at = first & ~(line - 1); at < end; at += line) {
        asm volatile("dc cvau, %0" : : "r"(at) : "memory");
      }
    }
    asm volatile("dsb ish" : : : "memory");
    if ((type & dic) == 0) {
      const uint64_t line = 4ULL << (type & 15);
      for (uint64_t at = first & ~(line - 1); at < end; at += line) {
        asm volatile("ic ivau, %0" : : "r"(at) : "memory");
      }
      asm volatile("dsb ish" : : : "memory");
    }
    asm volatile("isb" : : : "memory");
  }

 private:
  static constexpr uint64_t idc = 1ULL << 28;
  static constexpr uint64_t dic = 1ULL << 29;
  static constexpr uint64_t granule_4kib = 1ULL << 46;

  static void complete() { asm volatile("dsb ish\n\tisb" : : : "memory"); }

  static uint64_t invalidate_page(vm::Tag tag, uint64_t page, vm::Invalidate what) {
    const uint64_t operand = (uint64_t(tag.raw()) << 48) | (page & ((1ULL << 44) - 1));
    if (what == vm::Invalidate::leaf) {
      asm volatile("tlbi vale1is, %0" : : "r"(operand) : "memory");
    } else {
      asm volatile("tlbi vae1is, %0" : : "r"(operand) : "memory");
    }
    return 1;
  }

  // TLBI RVAE1IS, RVALE1IS (named by their encoding: FEAT_TLBIRANGE is not assumed of the
  // assembler): (NUM + 1) << (5 * SCALE + 1) pages. Returns how many were covered, at most `left`.
  static uint64_t invalidate_range(vm::Tag tag, uint64_t page, uint64_t left, vm::Invalidate what) {
    unsigned scale = 3;
    while (scale > 0 && (left >> (5 * scale + 1)) == 0) --scale;
    uint64_t units = left >> (5 * scale + 1);
    if (units > 32) units = 32;
    const uint64_t operand = (uint64_t(tag.raw()) << 48) | granule_4kib | (uint64_t(scale) << 44) |
                             ((units - 1) << 39) | (page & ((1ULL << 37) - 1));
    if (what == vm::Invalidate::leaf) {
      asm volatile("sys #0, c8, c2, #5, %0" : : "r"(operand) : "memory");
    } else {
      asm volatile("sys #0, c8, c2, #1, %0" : : "r"(operand) : "memory");
    }
    return units << (5 * scale + 1);
  }

  // Address bits 48-51 live in bits 2-5 of the register. The first DSB is the full barrier that
  // activate() promises: walks through the new root come after what this CPU wrote before.
  static void write_ttbr0(base::Pfn root, vm::Tag tag) {
    const uint64_t address = root.raw() << base::page_shift;
    const uint64_t value =
        (address & ((1ULL << 48) - 1)) | ((address >> 48) << 2) | (uint64_t(tag.raw()) << 48);
    asm volatile("dsb ish\n\tmsr ttbr0_el1, %0\n\tisb" : : "r"(value) : "memory");
  }

  base::Pfn empty_root_;
  bool ranged_;
};
static_assert(vm::MmuOps<Mmu>);

}  // namespace aarch64
