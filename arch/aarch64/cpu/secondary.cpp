#include "cpu/secondary.h"

#include "cpu/cpu.h"
#include "cpu/gic.h"
#include "cpu/page_format.h"
#include "cpu/psci.h"
#include "cpu/sysreg.h"
#include "cpu/timer.h"
#include "kernel/seam/traps.h"

extern "C" const uint8_t cpu_secondary_start[];

namespace cpu {

namespace {

kernel::Fadt firmware;

// What maps the page of cpu_secondary_start to itself, root first.
alignas(4096) uint64_t identity_tables[5][512];

// To memory: read by a CPU whose caches are off.
void clean(const void* data, uint64_t size) {
  const uint64_t line = uint64_t{4} << (SYSREG_READ("ctr_el0") >> 16 & 0xf);
  const auto begin = reinterpret_cast<uint64_t>(data);
  for (uint64_t at = begin & ~(line - 1); at < begin + size; at += line) {
    asm volatile("dc cvac, %0" : : "r"(at) : "memory");
  }
  dsb_sy();
}

// The first thing in C++: the identity map goes, as a leaf in it counts as the kernel's.
[[noreturn]] void arrive(PerCpu* block) {
  SYSREG_WRITE("ttbr0_el1", idle_user_root().raw() << base::page_shift);
  isb();
  asm volatile("tlbi vmalle1" : : : "memory");
  dsb_nsh();
  isb();
  kernel::secondary_main(*block);
}

}  // namespace

const char* prepare_secondaries(const kernel::Platform& platform) {
  if (!platform.fadt.present || !platform.fadt.psci) {
    return "the firmware has no PSCI";
  }
  firmware = platform.fadt;
  constexpr uint64_t tcr_wide_descriptors = 1ULL << 59;  // DS
  const unsigned levels = (SYSREG_READ("tcr_el1") & tcr_wide_descriptors) != 0 ? 5 : 4;
  const uint64_t page = physical_address(cpu_secondary_start) & ~uint64_t{4095};
  for (unsigned level = levels; level > 1; --level) {
    identity_tables[levels - level][entry_index(page, level)] =
        make_table(physical_address(identity_tables[levels - level + 1]), false);
  }
  constexpr PageRights text{false, true, false, false};
  identity_tables[levels - 1][entry_index(page, 1)] = make_leaf(page, 1, text);
  clean(identity_tables, sizeof(identity_tables));
  clean(cpu_secondary_start, 1024);
  return nullptr;
}

const char* start_secondary(PerCpu& block, uint64_t stack_top) {
  block.start = {
      SYSREG_READ("mair_el1"),
      SYSREG_READ("tcr_el1"),
      physical_address(identity_tables),
      SYSREG_READ("ttbr1_el1"),
      SYSREG_READ("sctlr_el1"),
      reinterpret_cast<uint64_t>(&arrive),
      stack_top,
      reinterpret_cast<uint64_t>(&block),
  };
  block.running_stack_top = block.kernel_stack_top = stack_top;
  clean(&block.start, sizeof(block.start));
  const PsciConduit conduit = firmware.psci_hvc ? PsciConduit::hvc : PsciConduit::smc;
  const int64_t result =
      psci_call(conduit, psci_cpu_on, block.hardware_id, physical_address(cpu_secondary_start),
                physical_address(&block.start));
  return result < 0 ? "the firmware does not switch it on" : nullptr;
}

// The firmware has no word for it: kernel::secondary_main() sees that it comes too late.
void abandon_secondary(const PerCpu& /*block*/) {}

const char* init_secondary_devices() {
  if (const char* problem = gic::init_secondary()) {
    return problem;
  }
  init_secondary_timer();
  return nullptr;
}

}  // namespace cpu
