#include "cpu/page_format.h"

#include "cpu/sysreg.h"

namespace cpu {

namespace {

constexpr uint64_t tcr_wide_descriptors = 1ULL << 59;  // DS

// TTBR0_EL1 points here when no process runs: every user address faults.
alignas(4096) constinit const uint64_t empty_table[512] = {};
uint64_t empty_table_physical = 0;

// Operand of TLBI by address: VA[55:12].
uint64_t page_operand(uint64_t address) {
  return address >> 12 & ((1ULL << 44) - 1);
}

}  // namespace

// As the processor translates it.
uint64_t physical_address(const void* kernel_address) {
  asm volatile("at s1e1r, %0" : : "r"(kernel_address) : "memory");
  isb();
  return (SYSREG_READ("par_el1") & entry_address_mask) |
         (reinterpret_cast<uint64_t>(kernel_address) & 4095);
}

void invalidate_page(uint64_t address) {
  asm volatile("dsb ishst\n\ttlbi vaae1is, %0" : : "r"(page_operand(address)) : "memory");
  dsb_ish();
  isb();
}

void adopt_kernel_root(uint64_t root) {
  if ((SYSREG_READ("tcr_el1") & tcr_wide_descriptors) != 0) {
    leaf_shareability = 0;
  }
  empty_table_physical = physical_address(empty_table);
  SYSREG_WRITE("ttbr0_el1", empty_table_physical);
  SYSREG_WRITE("ttbr1_el1", root);
  isb();
  dsb_nsh();
  asm volatile("tlbi vmalle1" : : : "memory");
  dsb_nsh();
  isb();
}

base::Pfn idle_user_root() {
  return base::PhysAddr(empty_table_physical).frame();
}

// Cleans to the point of unification by line, then invalidates every instruction cache whole:
// they may be tagged by virtual address, and the program's differs from the direct map's.
// CTR_EL0.IDC and DIC say which half the processor does on its own.
// Source: Arm ARM B2.7.4.2, D19.2.34 (CTR_EL0).
void sync_instructions(const void* data, uint64_t size) {
  const uint64_t cache_type = SYSREG_READ("ctr_el0");
  const bool clean_needed = (cache_type >> 28 & 1) == 0;
  const bool invalidate_needed = (cache_type >> 29 & 1) == 0;
  if (clean_needed) {
    const uint64_t line = uint64_t{4} << (cache_type >> 16 & 0xf);
    const auto begin = reinterpret_cast<uint64_t>(data);
    for (uint64_t at = begin & ~(line - 1); at < begin + size; at += line) {
      asm volatile("dc cvau, %0" : : "r"(at) : "memory");
    }
  }
  dsb_ish();
  if (invalidate_needed) {
    asm volatile("ic ialluis" : : : "memory");
    dsb_ish();
  }
  isb();
}

}  // namespace cpu
