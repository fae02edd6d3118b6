// x86_64::Mmu: the effects behind vm::MmuOps on the processor that executes it. User half only.
//
// Source: Intel SDM vol. 3A: 4.10.4 (what INVLPG, INVPCID and MOV to CR3 invalidate), 4.10.1 (PCID,
// CR3 bit 63), 8.2.2 (stores are not reordered with stores, so that publishing is free), 8.1.2.2
// (locked operations; the processor sets accessed and dirty bits with such).
//
// INVLPG and INVPCID type 0 forget paging-structure-cache entries too, so `leaf` and `walk` are the
// same here. Tags are used only with INVPCID (Features::tagged_invalidate); then a tag that is not
// current is as easy as one that is.
#pragma once

#include "vm/seam/features.h"
#include "vm/seam/mmu_ops.h"

namespace x86_64 {

class Mmu {
 public:
  static constexpr vm::InvalidateReach reach = vm::InvalidateReach::this_cpu;

  // `kernel_root`: the tables in use while no space is; its kernel half is in every root.
  // features.tag_bits is not 0 only if CR4.PCIDE is on.
  Mmu(const vm::Features& features, base::Pfn kernel_root)
      : kernel_root_(kernel_root), tagged_(features.tag_bits != 0 && features.tagged_invalidate) {}

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
  void publish() { asm volatile("" : : : "memory"); }

  void invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate) {
    for (base::Vpn page = pages.first(); page < pages.end(); page += base::PageCount(1)) {
      const uint64_t address = page.raw() << base::page_shift;
      if (tagged_) {
        invpcid(InvpcidType::address, tag, address);
      } else {
        asm volatile("invlpg (%0)" : : "r"(address) : "memory");
      }
    }
  }
  void invalidate_tag(vm::Tag tag) {
    if (tagged_) {
      invpcid(InvpcidType::tag, tag, 0);
    } else {
      write_cr3(read_cr3());
    }
  }
  void invalidate_everything() {
    if (tagged_) {
      invpcid(InvpcidType::all_but_global, vm::Tag(0), 0);
    } else {
      write_cr3(read_cr3());
    }
  }

  void activate(base::Pfn root, vm::Tag tag, vm::OnActivate what) {
    const uint64_t address = root.raw() << base::page_shift;
    const bool keep = tagged_ && what == vm::OnActivate::keep;
    write_cr3(address | (tagged_ ? tag.raw() : 0) | (keep ? keep_bit : 0));
  }
  void deactivate() {
    write_cr3((kernel_root_.raw() << base::page_shift) | (tagged_ ? keep_bit : 0));
  }

  // Instruction fetch is coherent, and the return to user mode serialises.
  void sync_instructions(void*, base::Bytes) {}

 private:
  static constexpr uint64_t keep_bit = 1ULL << 63;
  enum class InvpcidType : uint64_t { address = 0, tag = 1, everything = 2, all_but_global = 3 };

  static void invpcid(InvpcidType type, vm::Tag tag, uint64_t address) {
    const struct {
      uint64_t tag;
      uint64_t address;
    } descriptor = {tag.raw(), address};
    asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(uint64_t(type)) : "memory");
  }
  static uint64_t read_cr3() {
    uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
  }
  static void write_cr3(uint64_t value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }

  base::Pfn kernel_root_;
  bool tagged_;
};
static_assert(vm::MmuOps<Mmu>);

}  // namespace x86_64
