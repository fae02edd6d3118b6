// interrupt_controller.cpp: GICv3: one distributor, a redistributor per CPU, system registers.
//
// INTIDs: 0 to 15 software-generated, 16 to 31 per CPU, 32 to 1019 shared, above: special.
// Every interrupt that is not enabled here stays off; all are group 1, of one priority. Ending an
// interrupt also deactivates it (EOImode 0). No lock: enabling writes set-registers only, and
// set-up is the boot CPU's.
// Source: GIC 12 (registers); ACPI 5.2.12.14 to 17 (MADT structures).
#include "cpu/interrupt_controller.h"

#include "cpu/gic.h"
#include "cpu/mmio.h"
#include "cpu/per_cpu.h"
#include "cpu/sysreg.h"
#include "kernel/seam/memory.h"

#define ICC_PMR_EL1 "s3_0_c4_c6_0"
#define ICC_IAR1_EL1 "s3_0_c12_c12_0"
#define ICC_EOIR1_EL1 "s3_0_c12_c12_1"
#define ICC_BPR1_EL1 "s3_0_c12_c12_3"
#define ICC_CTLR_EL1 "s3_0_c12_c12_4"
#define ICC_SRE_EL1 "s3_0_c12_c12_5"
#define ICC_IGRPEN1_EL1 "s3_0_c12_c12_7"

namespace cpu {
namespace {

constexpr uint32_t first_per_cpu = 16;
constexpr uint32_t first_shared = 32;

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
Mmio redistributor;  // of the boot CPU

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

// Looks in one MADT range for this CPU's redistributor.
bool find_redistributor(uint64_t base, uint64_t size) {
  const auto* mapped = kernel::map_device(base, size);
  if (mapped == nullptr) {
    return false;
  }
  uint64_t offset = 0;
  while (offset + 2 * frame_size <= size) {
    const Mmio candidate{reinterpret_cast<uint64_t>(mapped) + offset};
    const uint64_t type = candidate.read64(gicr_typer);
    if (type >> 32 == packed_affinity()) {
      redistributor = candidate;
      return true;
    }
    if ((type & typer_last) != 0) {
      return false;
    }
    offset += ((type & typer_virtual_lpis) != 0 ? 4 : 2) * frame_size;
  }
  return false;
}

bool find_redistributor(const kernel::Madt& madt) {
  for (const kernel::GicRange& range : madt.gic_redistributors) {
    if (find_redistributor(range.base, range.size)) {
      return true;
    }
  }
  for (const kernel::PlatformCpu& processor : madt.cpus) {
    if (processor.gic_redistributor != 0 &&
        (processor.hardware_id & 0xff'00ff'ffff) == this_cpu().hardware_id &&
        find_redistributor(processor.gic_redistributor, 4 * frame_size)) {
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
  const uint32_t waker = redistributor.read32(gicr_waker);
  redistributor.write32(gicr_waker, waker & ~waker_processor_sleep);
  for (unsigned i = 0; (redistributor.read32(gicr_waker) & waker_children_asleep) != 0; ++i) {
    if (i == patience) {
      return "GIC: the redistributor does not wake up";
    }
  }
  silence(Mmio{redistributor.base + frame_size}, 0, first_shared);
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

// Where an interrupt's bits are.
Mmio block_of(uint32_t line) {
  return line < first_shared ? Mmio{redistributor.base + frame_size} : distributor;
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
  if (!find_redistributor(madt)) {
    return "MADT names no GIC redistributor of this CPU";
  }
  if (const char* why = init_distributor(); why != nullptr) {
    return why;
  }
  if (const char* why = init_redistributor(); why != nullptr) {
    return why;
  }
  return init_cpu_interface();
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

uint32_t gic::acknowledge() {
  const uint64_t line = SYSREG_READ(ICC_IAR1_EL1);
  dsb_sy();
  return static_cast<uint32_t>(line & 0xff'ffff);
}

}  // namespace cpu
