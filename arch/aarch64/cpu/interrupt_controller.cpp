// interrupt_controller.cpp: GICv3: one distributor, a redistributor per CPU, system registers.
//
// INTIDs: 0 to 15 software-generated, 16 to 31 per CPU, 32 to 1019 shared, above: special.
// Every interrupt that is not enabled here stays off; all are group 1, of one priority. Ending an
// interrupt also deactivates it (EOImode 0). No lock: enabling writes set-registers only, and
// set-up is the boot CPU's but for each CPU's own part.
// Source: GIC 12 (registers); ACPI 5.2.12.14 to 17 (MADT structures).
#include "cpu/interrupt_controller.h"

#include "cpu/gic.h"
#include "cpu/ipi.h"
#include "cpu/mmio.h"
#include "cpu/per_cpu.h"
#include "cpu/sysreg.h"
#include "kernel/seam/memory.h"

#define ICC_PMR_EL1 "s3_0_c4_c6_0"
#define ICC_IAR1_EL1 "s3_0_c12_c12_0"
#define ICC_EOIR1_EL1 "s3_0_c12_c12_1"
#define ICC_BPR1_EL1 "s3_0_c12_c12_3"
#define ICC_CTLR_EL1 "s3_0_c12_c12_4"
#define ICC_SGI1R_EL1 "s3_0_c12_c11_5"
#define ICC_SRE_EL1 "s3_0_c12_c12_5"
#define ICC_IGRPEN1_EL1 "s3_0_c12_c12_7"

namespace cpu {
namespace {

using gic::first_per_cpu;
constexpr uint32_t first_shared = 32;
constexpr unsigned ipi_count = 3;  // of Ipi, whose numbers are INTIDs

// Distributor; a redistributor's second frame lays out its 32 interrupts alike.
constexpr uint64_t gicd_ctlr = 0x0000;
constexpr uint64_t gicd_typer = 0x0004;
constexpr uint64_t igroupr = 0x0080;
constexpr uint64_t isenabler = 0x0100;
constexpr uint64_t icenabler = 0x0180;
constexpr uint64_t icpendr = 0x0280;
constexpr uint64_t icactiver = 0x0380;
constexpr uint64_t ipriorityr = 0x0400;
constexpr uint64_t icfgr = 0x0c00;
constexpr uint64_t igrpmodr = 0x0d00;
constexpr uint64_t irouter = 0x6000;
constexpr uint64_t distributor_size = 0x10000;

constexpr uint32_t ctlr_enable_group1 = 1u << 1;
constexpr uint32_t ctlr_affinity_routing = 1u << 4;
constexpr uint32_t ctlr_write_pending = 1u << 31;

// Redistributor, first frame.
constexpr uint64_t gicr_typer = 0x0008;
constexpr uint64_t gicr_waker = 0x0014;
constexpr uint64_t typer_last = 1u << 4;
constexpr uint64_t typer_virtual_lpis = 1u << 1;
constexpr uint32_t waker_processor_sleep = 1u << 1;
constexpr uint32_t waker_children_asleep = 1u << 2;
constexpr uint64_t frame_size = 0x10000;

constexpr uint32_t four_priorities = 0xa0a0a0a0;
constexpr unsigned patience = 1'000'000;  // reads of a status register before giving up

Mmio distributor;

// Where redistributors are, mapped once: ranges of the MADT, or one a processor.
struct MappedRange {
  uint64_t start = 0;
  uint64_t size = 0;
};
kernel::BoundedList<MappedRange, 72> redistributor_ranges;

// Of this CPU.
Mmio redistributor() {
  return Mmio{this_cpu().redistributor};
}
// Software-generated, per-CPU and shared interrupts' registers are laid out alike.
Mmio redistributor_interrupts() {
  return Mmio{this_cpu().redistributor + frame_size};
}

// Affinity 3.2.1.0 as GICR_TYPER[63:32] has it.
uint32_t packed_affinity() {
  const uint64_t id = this_cpu().hardware_id;
  return static_cast<uint32_t>((id & 0xff'ffff) | (id >> 8 & 0xff00'0000));
}

bool wait_for_distributor() {
  for (unsigned i = 0; i < patience; ++i) {
    if ((distributor.read32(gicd_ctlr) & ctlr_write_pending) == 0) {
      return true;
    }
  }
  return false;
}

// False: no room to map them.
bool map_redistributors(const kernel::Madt& madt) {
  const auto map = [](uint64_t base, uint64_t size) {
    const volatile void* mapped = kernel::map_device(base, size);
    if (mapped != nullptr) {
      redistributor_ranges.add({reinterpret_cast<uint64_t>(mapped), size});
    }
    return mapped != nullptr;
  };
  for (const kernel::GicRange& range : madt.gic_redistributors) {
    if (!map(range.base, range.size)) {
      return false;
    }
  }
  for (const kernel::PlatformCpu& processor : madt.cpus) {
    if (processor.gic_redistributor != 0 && !map(processor.gic_redistributor, 4 * frame_size)) {
      return false;
    }
  }
  return true;
}

// Looks in one range for this CPU's redistributor.
bool find_redistributor(const MappedRange& range) {
  uint64_t offset = 0;
  while (offset + 2 * frame_size <= range.size) {
    const Mmio candidate{range.start + offset};
    const uint64_t type = candidate.read64(gicr_typer);
    if (type >> 32 == packed_affinity()) {
      this_cpu().redistributor = candidate.base;
      return true;
    }
    if ((type & typer_last) != 0) {
      return false;
    }
    offset += ((type & typer_virtual_lpis) != 0 ? 4 : 2) * frame_size;
  }
  return false;
}

bool find_redistributor() {
  for (const MappedRange& range : redistributor_ranges) {
    if (find_redistributor(range)) {
      return true;
    }
  }
  return false;
}

// Interrupts [first, end) of a block: off, not pending, not active, group 1, one priority.
void silence(Mmio block, uint32_t first, uint32_t end) {
  for (uint32_t i = first; i < end; i += 32) {
    block.write32(icenabler + i / 8, ~0u);
    block.write32(icpendr + i / 8, ~0u);
    block.write32(icactiver + i / 8, ~0u);
    block.write32(igroupr + i / 8, ~0u);
    block.write32(igrpmodr + i / 8, 0);
  }
  for (uint32_t i = first; i < end; i += 4) {
    block.write32(ipriorityr + i, four_priorities);
  }
}

const char* init_distributor() {
  distributor.write32(gicd_ctlr, 0);
  if (!wait_for_distributor()) {
    return "GIC: the distributor does not stop";
  }
  const uint32_t lines = 32 * ((distributor.read32(gicd_typer) & 0x1f) + 1);
  silence(distributor, first_shared, lines < gic::first_special ? lines : gic::first_special);
  distributor.write32(gicd_ctlr, ctlr_affinity_routing | ctlr_enable_group1);
  return wait_for_distributor() ? nullptr : "GIC: the distributor does not start";
}

const char* init_redistributor() {
  const uint32_t waker = redistributor().read32(gicr_waker);
  redistributor().write32(gicr_waker, waker & ~waker_processor_sleep);
  for (unsigned i = 0; (redistributor().read32(gicr_waker) & waker_children_asleep) != 0; ++i) {
    if (i == patience) {
      return "GIC: the redistributor does not wake up";
    }
  }
  silence(redistributor_interrupts(), 0, first_shared);
  redistributor_interrupts().write32(isenabler, (1u << ipi_count) - 1);
  dsb_sy();
  return nullptr;
}

const char* init_cpu_interface() {
  SYSREG_WRITE(ICC_SRE_EL1, SYSREG_READ(ICC_SRE_EL1) | 1);
  isb();
  if ((SYSREG_READ(ICC_SRE_EL1) & 1) == 0) {
    return "GIC: system register access is locked";
  }
  SYSREG_WRITE(ICC_PMR_EL1, 0xff);  // no priority is masked
  SYSREG_WRITE(ICC_BPR1_EL1, 0);
  SYSREG_WRITE(ICC_CTLR_EL1, 0);
  SYSREG_WRITE(ICC_IGRPEN1_EL1, 1);
  isb();
  return nullptr;
}

const char* init_this_cpu() {
  if (!find_redistributor()) {
    return "MADT names no GIC redistributor of this CPU";
  }
  if (const char* why = init_redistributor(); why != nullptr) {
    return why;
  }
  return init_cpu_interface();
}

// Where an interrupt's bits are.
Mmio block_of(uint32_t line) {
  return line < first_shared ? redistributor_interrupts() : distributor;
}

}  // namespace

const char* init_interrupt_controller(const kernel::Platform& platform) {
  const kernel::Madt& madt = platform.madt;
  constexpr uint64_t id_pfr0_gic_shift = 24;
  if (!madt.present || madt.gic_distributor == 0) {
    return "MADT names no GIC distributor";
  }
  if ((SYSREG_READ("id_aa64pfr0_el1") >> id_pfr0_gic_shift & 0xf) == 0) {
    return "the processor has no GICv3 system registers";
  }
  const volatile void* mapped = kernel::map_device(madt.gic_distributor, distributor_size);
  if (mapped == nullptr) {
    return "GIC: no room to map the distributor";
  }
  distributor = Mmio{reinterpret_cast<uint64_t>(mapped)};
  if (!map_redistributors(madt)) {
    return "GIC: no room to map the redistributors";
  }
  if (const char* why = init_distributor(); why != nullptr) {
    return why;
  }
  return init_this_cpu();
}

const char* interrupt_controller_name() {
  return "GICv3";
}

const char* gic::init_secondary() {
  return init_this_cpu();
}

void enable_line(uint32_t line, LineTrigger trigger) {
  if (line >= gic::first_special) {
    return;
  }
  const Mmio block = block_of(line);
  if (line >= first_per_cpu) {  // software-generated ones are edge by definition
    const uint64_t offset = icfgr + uint64_t{line / 16} * 4;
    const uint32_t edge = 2u << (line % 16 * 2);
    const uint32_t old = block.read32(offset);
    block.write32(offset, trigger == LineTrigger::edge ? old | edge : old & ~edge);
  }
  if (line >= first_shared) {
    distributor.write64(irouter + uint64_t{8} * line, this_cpu().hardware_id);
  }
  block.write32(isenabler + uint64_t{line / 32} * 4, 1u << line % 32);
}

void disable_line(uint32_t line) {
  if (line < gic::first_special) {
    block_of(line).write32(icenabler + uint64_t{line / 32} * 4, 1u << line % 32);
  }
}

uint32_t legacy_line(uint32_t irq) {
  return irq;
}

void end_of_interrupt(uint32_t line) {
  SYSREG_WRITE(ICC_EOIR1_EL1, line);
  isb();
}

// A target is named by affinity 3.2.1 and a bit for affinity 0, of which sixteen have one range.
// Source: GIC 12.2 (ICC_SGI1R_EL1).
void send_ipi(const PerCpu& to, Ipi which) {
  const uint64_t id = to.hardware_id;
  const uint64_t affinity0 = id & 0xff;
  const uint64_t command = (1ULL << (affinity0 & 15)) | ((id >> 8 & 0xff) << 16) |
                           (uint64_t(which) << 24) | ((id >> 16 & 0xff) << 32) |
                           ((affinity0 >> 4) << 44) | ((id >> 32 & 0xff) << 48);
  asm volatile("dsb ishst" : : : "memory");
  SYSREG_WRITE(ICC_SGI1R_EL1, command);
  isb();
}

uint32_t gic::acknowledge() {
  const uint64_t line = SYSREG_READ(ICC_IAR1_EL1);
  dsb_sy();
  return static_cast<uint32_t>(line & 0xff'ffff);
}

}  // namespace cpu
