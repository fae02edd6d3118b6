#include "cpu/secondary.h"

#include <cstring>

#include "cpu/cpu.h"
#include "cpu/io.h"
#include "cpu/ipi.h"
#include "cpu/local_apic.h"
#include "cpu/page_format.h"
#include "cpu/secondary_start.h"
#include "cpu/timer.h"
#include "cpu/vectors.h"
#include "kernel/seam/memory.h"
#include "kernel/seam/traps.h"

extern "C" const uint8_t secondary_page_start[];
extern "C" const uint8_t secondary_long_mode[];
extern "C" const uint8_t secondary_page_end[];
extern "C" void cpu_secondary_entry();

namespace cpu {

namespace {

// The page of code, then the tables that map it to itself: root to leaf.
constexpr uint64_t low_pages = 6;
uint64_t low = 0;  // physical

// Interrupt command register (SDM volume 3, 11.6.1).
constexpr uint32_t delivery_nmi = 4u << 8;
constexpr uint32_t delivery_init = 5u << 8;
constexpr uint32_t delivery_start_up = 6u << 8;
constexpr uint32_t level_assert = 1u << 14;

constexpr uint64_t after_init_ns = 10'000'000;
constexpr uint64_t after_start_up_ns = 200'000;

void wait_ns(uint64_t duration) {
  const uint64_t start = monotonic_ns();
  while (monotonic_ns() - start < duration) {
    pause();
  }
}

uint64_t* table_at(uint64_t physical) {
  return static_cast<uint64_t*>(kernel::direct_map(physical));
}

// The kernel half of the kernel's root, and `low` mapped to itself.
void make_tables(unsigned levels) {
  const uint64_t root = low + 4096;
  uint64_t* table = table_at(root);
  prepare_user_root(table, table_at(idle_user_root().raw() << base::page_shift));
  uint64_t next = root;
  for (unsigned level = levels; level > 1; --level) {
    next += 4096;
    table[entry_index(low, level)] = make_table(next, false);
    table = table_at(next);
  }
  table[entry_index(low, 1)] = low | entry_present | entry_write;
}

}  // namespace

const char* prepare_secondaries(const kernel::Platform&) {
  low = kernel::low_memory(low_pages);
  if (low == 0) {
    return "no memory below 1 MiB";
  }
  const unsigned levels = (read_cr4() & (1u << 12)) != 0 ? 5 : 4;
  auto* page = static_cast<uint8_t*>(kernel::direct_map(low));
  memset(page, 0, low_pages * 4096);
  memcpy(page, secondary_page_start, size_t(secondary_page_end - secondary_page_start));
  make_tables(levels);

  auto& start = *reinterpret_cast<SecondaryStart*>(page + secondary_start_offset);
  constexpr uint32_t physical_address_extension = 1u << 5;
  constexpr uint32_t five_levels = 1u << 12;
  constexpr uint64_t efer_long_mode = 1u << 8;
  constexpr uint64_t efer_no_execute = 1u << 11;
  start.control4 = physical_address_extension | (levels == 5 ? five_levels : 0);
  start.root = uint32_t(low + 4096);
  start.efer = uint32_t(efer_long_mode | (read_msr(Msr::efer) & efer_no_execute));
  start.control0 = uint32_t(read_cr0());
  start.descriptors[1] = 0x00af'9b00'0000'ffffULL;
  start.descriptors[2] = 0x00cf'9300'0000'ffffULL;
  const uint64_t tables = low + secondary_start_offset + offsetof(SecondaryStart, descriptors);
  start.tables_limit = sizeof(start.descriptors) - 1;
  start.tables_low = uint16_t(tables);
  start.tables_high = uint16_t(tables >> 16);
  start.target = uint32_t(low + uint64_t(secondary_long_mode - secondary_page_start));
  start.target_selector = 8;
  start.entry = reinterpret_cast<uint64_t>(&cpu_secondary_entry);
  start.kernel_root = idle_user_root().raw() << base::page_shift;
  return nullptr;
}

const char* start_secondary(PerCpu& block, uint64_t stack_top) {
  if (!can_reach_apic(block.hardware_id)) {
    return "its local APIC cannot be addressed";
  }
  auto& start = *reinterpret_cast<SecondaryStart*>(static_cast<uint8_t*>(kernel::direct_map(low)) +
                                                   secondary_start_offset);
  start.stack_top = stack_top;
  start.block = reinterpret_cast<uint64_t>(&block);
  asm volatile("mfence" : : : "memory");  // an x2APIC's command does not wait for stores
  const auto page = uint32_t(low >> 12);
  send_interrupt_command(block.hardware_id, delivery_init | level_assert);
  wait_ns(after_init_ns);
  // A processor that has taken the first ignores the second (SDM volume 3, 9.4.4.1).
  for (unsigned i = 0; i < 2; ++i) {
    send_interrupt_command(block.hardware_id, delivery_start_up | level_assert | page);
    wait_ns(after_start_up_ns);
  }
  return nullptr;
}

void abandon_secondary(const PerCpu& block) {
  send_interrupt_command(block.hardware_id, delivery_init | level_assert);
  wait_ns(after_init_ns);
}

const char* init_secondary_devices() {
  if (const char* problem = init_secondary_apic()) {
    return problem;
  }
  this_cpu().hardware_id = local_apic_id();
  init_secondary_timer();
  return nullptr;
}

void send_ipi(const PerCpu& to, Ipi which) {
  asm volatile("mfence" : : : "memory");
  const uint32_t what = which == Ipi::stop        ? delivery_nmi
                        : which == Ipi::shootdown ? uint32_t(shootdown_vector)
                                                  : uint32_t(reschedule_vector);
  send_interrupt_command(to.hardware_id, what | level_assert);
}

}  // namespace cpu

extern "C" [[noreturn]] void kernel_secondary_entry(cpu::PerCpu* block) {
  kernel::secondary_main(*block);
}
