// Machine for aarch64.
// Source: Arm ARM (DDI 0487): D8.2 (translation), D19.2 (system registers), B2.7 (memory types),
// D7.5 (cache maintenance).
#include "boot/uefi/machine.h"

#include "handoff.h"

extern "C" {
extern const uint8_t trampoline_begin[], trampoline_end[];
}

namespace boot {
namespace {

struct Handoff {
  uint64_t mair, tcr;
  uint64_t ttbr0, ttbr1;
  uint64_t sctlr, entry;
  uint64_t stack, info;
};
static_assert(offsetof(Handoff, mair) == HANDOFF_MAIR);
static_assert(offsetof(Handoff, tcr) == HANDOFF_TCR);
static_assert(offsetof(Handoff, ttbr0) == HANDOFF_TTBR0);
static_assert(offsetof(Handoff, ttbr1) == HANDOFF_TTBR1);
static_assert(offsetof(Handoff, sctlr) == HANDOFF_SCTLR);
static_assert(offsetof(Handoff, entry) == HANDOFF_ENTRY);
static_assert(offsetof(Handoff, stack) == HANDOFF_STACK);
static_assert(offsetof(Handoff, info) == HANDOFF_INFO);
static_assert(sizeof(Handoff) == HANDOFF_SIZE);

#define READ_REGISTER(name)                      \
  [] {                                           \
    uint64_t value;                              \
    asm volatile("mrs %0, " name : "=r"(value)); \
    return value;                                \
  }()

constexpr uint64_t field(uint64_t value, unsigned shift) {
  return (value >> shift) & 15;
}

// SCTLR_EL1: bits that must be one or mean "do not trap", stack alignment checks, and translation
// and caches on. SPAN stays set: the kernel decides about PAN.
constexpr uint64_t sctlr_enabled = 0x30d00800 | (1 << 18) | (1 << 16) |  // nTWE, nTWI
                                   (1 << 12) | (1 << 4) | (1 << 3) |     // I, SA0, SA
                                   (1 << 2) | (1 << 0);                  // C, M

// TCR_EL1: 4 KiB granule on both sides, write-back inner-shareable walks.
constexpr uint64_t tcr_walks = (uint64_t{1} << 8) | (uint64_t{1} << 10) | (uint64_t{3} << 12) |
                               (uint64_t{1} << 24) | (uint64_t{1} << 26) | (uint64_t{3} << 28) |
                               (uint64_t{2} << 30);

uint64_t tcr_value(unsigned levels) {
  const uint64_t size_offset = levels == 5 ? 12 : 16;
  const uint64_t largest_range = levels == 5 ? 6 : 5;  // 52 or 48 bits
  uint64_t range = field(READ_REGISTER("id_aa64mmfr0_el1"), 0);
  if (range > largest_range) range = largest_range;
  uint64_t tcr = tcr_walks | size_offset | (size_offset << 16) | (range << 32);
  if (levels == 5) tcr |= uint64_t{1} << 59;  // DS: 52-bit descriptors
  return tcr;
}

uint64_t line_size(unsigned shift) {
  return uint64_t{4} << field(READ_REGISTER("ctr_el0"), shift);
}

// To memory, for readers that run with the data cache off.
void clean_to_memory(uint64_t base, uint64_t size) {
  const uint64_t line = line_size(16);
  for (uint64_t at = base & ~(line - 1); at < base + size; at += line) {
    asm volatile("dc civac, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb sy" : : : "memory");
}

// Makes freshly written instructions visible to fetches, on every processor.
void synchronize_instructions(uint64_t base, uint64_t size) {
  const uint64_t line = line_size(16);
  for (uint64_t at = base & ~(line - 1); at < base + size; at += line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish\n ic ialluis\n dsb ish\n isb" : : : "memory");
}

}  // namespace

const uint16_t Machine::elf_machine = elf_machine_aarch64;
const uint64_t Machine::tables_below = ~0ULL;

Text Machine::check() const {
  const uint64_t granule_4k = field(READ_REGISTER("id_aa64mmfr0_el1"), 28);
  if (granule_4k == 15) return Text("this processor has no 4 KiB pages");
  return Text();
}

// A fifth level of 4 KiB pages needs 52-bit addresses in this granule (FEAT_LPA2); FEAT_LVA alone
// widens only the 64 KiB granule.
unsigned Machine::choose_levels(unsigned wanted) const {
  const bool able = field(READ_REGISTER("id_aa64mmfr0_el1"), 28) == 1;
  return wanted == 5 && able ? 5 : 4;
}

unsigned Machine::largest_leaf() const {
  return 3;
}

TableFormat Machine::table_format(unsigned levels) const {
  return TableFormat{.wide_descriptors = levels == 5};
}

size_t Machine::random_bytes(uint8_t* to, size_t size) const {
  const bool able = field(READ_REGISTER("id_aa64isar0_el1"), 60) != 0;
  size_t valid = 0;
  for (size_t at = 0; at + 8 <= size; at += 8) {
    uint64_t value = 0;
    uint64_t ready = 0;
    if (able) {
      asm volatile("mrs %0, S3_3_C2_C4_0\n cset %1, ne"
                   : "=r"(value), "=r"(ready)
                   :
                   : "cc");  // RNDR
    }
    if (ready != 0) {
      valid += 8;
    } else {
      // Better than nothing, and not counted.
      value = READ_REGISTER("cntvct_el0") * (2 * at + 0x9e3779b97f4a7c15);
    }
    __builtin_memcpy(to + at, &value, 8);
  }
  return valid == size ? valid : 0;
}

Text Machine::prepare(Firmware& firmware, TablePool pool, PageTables& kernel_tables,
                      unsigned levels) {
  trampoline_ = firmware.allocate_pages(1, PageUse::code);
  if (trampoline_ == 0) return Text("no memory for the trampoline page");
  const auto code_size = static_cast<size_t>(trampoline_end - trampoline_begin);
  if (code_size > HANDOFF_OFFSET) return Text("the trampoline does not fit its page");
  auto* page = reinterpret_cast<uint8_t*>(trampoline_);
  __builtin_memset(page, 0, page_size);
  __builtin_memcpy(page, trampoline_begin, code_size);

  PageTables lower(pool, table_format(levels), levels, 1);
  if (!lower.map_small(trampoline_, trampoline_, page_size, Rights::read_execute)) {
    return Text("no memory for translation tables");
  }
  lower_root_ = lower.root();
  root_ = kernel_tables.root();
  levels_ = levels;
  return Text();
}

void Machine::start(const KernelStart& start) {
  const uint64_t physical = trampoline_ + HANDOFF_OFFSET;
  auto& handoff = *reinterpret_cast<Handoff*>(physical);
  handoff.mair = boot_mair;
  handoff.tcr = tcr_value(levels_);
  handoff.ttbr0 = lower_root_;
  handoff.ttbr1 = root_;
  handoff.sctlr = sctlr_enabled;
  handoff.entry = start.entry;
  handoff.stack = start.stack_top;
  handoff.info = start.boot_info;
  synchronize_instructions(start.image_base, start.image_size);
  synchronize_instructions(trampoline_, page_size);
  clean_to_memory(trampoline_, page_size);
  reinterpret_cast<void (*)(const Handoff*)>(trampoline_)(&handoff);
  __builtin_unreachable();
}

}  // namespace boot
