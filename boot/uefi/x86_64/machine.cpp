// Machine for x86_64.
// Source: Intel SDM volume 2 (CPUID, RDRAND), volume 3 sections 2.5 (control registers) and 4.
#include "boot/uefi/machine.h"

#include "handoff.h"

extern "C" {
extern const uint8_t trampoline_begin[], trampoline_long_mode[], trampoline_end[];
}

namespace boot {
namespace {

struct __attribute__((packed)) DescriptorTable {
  uint16_t limit;
  uint64_t base;
};

struct __attribute__((packed)) FarPointer {
  uint32_t offset;
  uint16_t selector;
};

struct Handoff {
  uint64_t root;
  uint64_t cr4;
  alignas(16) DescriptorTable gdt;
  alignas(16) DescriptorTable gdt_high;
  alignas(16) FarPointer long_mode;
  alignas(8) uint64_t entry;
  uint64_t stack;
  uint64_t info;
  alignas(16) DescriptorTable idt;
  alignas(16) uint64_t descriptors[4];
};
static_assert(sizeof(DescriptorTable) == 10 && sizeof(FarPointer) == 6);
static_assert(offsetof(Handoff, root) == HANDOFF_ROOT);
static_assert(offsetof(Handoff, cr4) == HANDOFF_CR4);
static_assert(offsetof(Handoff, gdt) == HANDOFF_GDT);
static_assert(offsetof(Handoff, gdt_high) == HANDOFF_GDT_HIGH);
static_assert(offsetof(Handoff, long_mode) == HANDOFF_LONG_MODE);
static_assert(offsetof(Handoff, entry) == HANDOFF_ENTRY);
static_assert(offsetof(Handoff, stack) == HANDOFF_STACK);
static_assert(offsetof(Handoff, info) == HANDOFF_INFO);
static_assert(offsetof(Handoff, idt) == HANDOFF_IDT);
static_assert(offsetof(Handoff, descriptors) == HANDOFF_DESCRIPTORS);
static_assert(sizeof(Handoff) == HANDOFF_SIZE);

// Flat segments, accessed bit preset: the processor must not write to the trampoline page.
constexpr uint64_t code64 = 0x00af9b000000ffff, data = 0x00cf93000000ffff;
constexpr uint64_t code32 = 0x00cf9b000000ffff;

constexpr uint64_t cr4_global_pages = uint64_t{1} << 7, cr4_la57 = uint64_t{1} << 12;
constexpr uint64_t cr4_process_contexts = uint64_t{1} << 17, cr4_shadow_stacks = uint64_t{1} << 23;

struct CpuId {
  uint32_t eax, ebx, ecx, edx;
};

CpuId cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuId r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

bool has_bit(uint32_t value, unsigned bit) {
  return ((value >> bit) & 1) != 0;
}

bool extended_feature(unsigned edx_bit) {
  return cpuid(0x80000000).eax >= 0x80000001 && has_bit(cpuid(0x80000001).edx, edx_bit);
}

uint64_t read_cr4() {
  uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

uint64_t time_stamp() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t{high} << 32) | low;
}

// One 64-bit value of the generator in `value`; it may be dry for a while.
bool hardware_random(uint64_t& value) {
  for (unsigned attempt = 0; attempt < 100; ++attempt) {
    uint8_t ready;
    asm volatile("rdrand %0; setc %1" : "=r"(value), "=q"(ready) : : "cc");
    if (ready != 0) return true;
  }
  return false;
}

}  // namespace

const uint16_t Machine::elf_machine = elf_machine_x86_64;
// The root must be reachable by a 32-bit CR3 load; the other tables keep it company.
const uint64_t Machine::tables_below = uint64_t{1} << 32;

Text Machine::check() const {
  constexpr unsigned no_execute = 20;
  if (!extended_feature(no_execute)) return Text("this processor cannot forbid execution (NX)");
  return Text();
}

unsigned Machine::choose_levels(unsigned wanted) const {
  constexpr unsigned la57 = 16;
  const bool able = cpuid(0).eax >= 7 && has_bit(cpuid(7).ecx, la57);
  return wanted == 5 && able ? 5 : 4;
}

unsigned Machine::largest_leaf() const {
  constexpr unsigned pages_1gib = 26;
  return extended_feature(pages_1gib) ? 3 : 2;
}

TableFormat Machine::table_format(unsigned) const {
  return TableFormat{};
}

size_t Machine::random_bytes(uint8_t* to, size_t size) const {
  constexpr unsigned rdrand = 30;
  const bool able = has_bit(cpuid(1).ecx, rdrand);
  size_t valid = 0;
  for (size_t at = 0; at + 8 <= size; at += 8) {
    uint64_t value = 0;
    if (able && hardware_random(value)) {
      valid += 8;
    } else {
      value = time_stamp() * 0x9e3779b97f4a7c15;  // better than nothing, and not counted
    }
    __builtin_memcpy(to + at, &value, 8);
  }
  return valid == size ? valid : 0;
}

Text Machine::prepare(Firmware& firmware, TablePool, PageTables& kernel_tables, unsigned levels) {
  trampoline_ = firmware.allocate_pages(1, PageUse::code, tables_below);
  if (trampoline_ == 0) return Text("no memory for the trampoline page below 4 GiB");
  const auto code_size = static_cast<size_t>(trampoline_end - trampoline_begin);
  if (code_size > HANDOFF_OFFSET) return Text("the trampoline does not fit its page");
  auto* page = reinterpret_cast<uint8_t*>(trampoline_);
  __builtin_memset(page, 0, page_size);
  __builtin_memcpy(page, trampoline_begin, code_size);
  if (!kernel_tables.map_small(trampoline_, trampoline_, page_size, Rights::read_execute)) {
    return Text("no memory for translation tables");
  }
  root_ = kernel_tables.root();
  lower_root_ = root_;
  levels_ = levels;
  return Text();
}

void Machine::start(const KernelStart& start) {
  const uint64_t physical = trampoline_ + HANDOFF_OFFSET;
  const uint64_t descriptors = physical + HANDOFF_DESCRIPTORS;
  auto& handoff = *reinterpret_cast<Handoff*>(physical);
  handoff.root = root_;
  handoff.cr4 =
      read_cr4() & ~(cr4_global_pages | cr4_la57 | cr4_process_contexts | cr4_shadow_stacks);
  if (levels_ == 5) handoff.cr4 |= cr4_la57;
  handoff.descriptors[0] = 0;
  handoff.descriptors[SELECTOR_CODE64 / 8] = code64;
  handoff.descriptors[SELECTOR_DATA / 8] = data;
  handoff.descriptors[SELECTOR_CODE32 / 8] = code32;
  handoff.gdt = DescriptorTable{sizeof handoff.descriptors - 1, descriptors};
  handoff.gdt_high =
      DescriptorTable{sizeof handoff.descriptors - 1, TableFormat::direct_map_base + descriptors};
  handoff.idt = DescriptorTable{0, 0};
  handoff.long_mode = FarPointer{static_cast<uint32_t>(trampoline_) +
                                     static_cast<uint32_t>(trampoline_long_mode - trampoline_begin),
                                 SELECTOR_CODE64};
  handoff.entry = start.entry;
  handoff.stack = start.stack_top;
  handoff.info = start.boot_info;
  reinterpret_cast<void (*)(const Handoff*)>(trampoline_)(&handoff);
  __builtin_unreachable();
}

}  // namespace boot
