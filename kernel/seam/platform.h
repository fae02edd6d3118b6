// platform.h: the machine as ACPI describes it, parsed, checked and copied: plain data that both
// the kernel and the cpu layer read. Filled by kernel/driver/acpi; a table that is missing or
// malformed leaves its part empty (`present` false), which is said in the log.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernel {

// A fixed-capacity list; surplus entries are dropped and counted.
template <typename T, size_t capacity>
struct BoundedList {
  T items[capacity]{};
  size_t count = 0;
  size_t dropped = 0;

  void add(const T& item) {
    if (count < capacity) {
      items[count++] = item;
    } else {
      ++dropped;
    }
  }
  [[nodiscard]] const T* begin() const { return items; }
  [[nodiscard]] const T* end() const { return items + count; }
};

// One processor that may be started. x86_64: local APIC or x2APIC id. aarch64: GICC entry.
struct PlatformCpu {
  uint64_t hardware_id;  // APIC id; MPIDR
  uint32_t acpi_uid;
  uint64_t gic_redistributor;  // GICC's GICR base, 0 if it is described by a GICR range
};

struct IoApic {
  uint32_t id;
  uint64_t base;      // physical
  uint32_t gsi_base;  // first global system interrupt
};

struct InterruptOverride {
  uint8_t irq;   // legacy (ISA) interrupt
  uint32_t gsi;  // where it arrives
  bool active_low;
  bool level;
};

struct GicRange {
  uint64_t base;
  uint64_t size;
};

struct Madt {
  bool present = false;
  uint64_t local_apic = 0;  // physical
  bool has_8259 = false;
  BoundedList<PlatformCpu, 64> cpus;
  BoundedList<IoApic, 8> io_apics;
  BoundedList<InterruptOverride, 16> overrides;
  uint64_t gic_distributor = 0;
  uint8_t gic_version = 0;  // GICD structure's: 3 or 4; 0: unknown
  BoundedList<GicRange, 8> gic_redistributors;
};

// An ACPI generic address: where a register lives.
struct RegisterAddress {
  enum class Space : uint8_t { none, memory, io };
  Space space = Space::none;
  uint64_t address = 0;
};

struct Spcr {
  bool present = false;
  uint8_t interface_type = 0;  // 0, 1, 0x12: 16550; 3: PL011; 0xd, 0xe: SBSA generic UART
  RegisterAddress registers;
  uint32_t interrupt = 0;  // global system interrupt, 0: none
};

struct Fadt {
  bool present = false;
  RegisterAddress pm_timer;  // 3.579545 MHz counter
  bool pm_timer_32bit = false;
  RegisterAddress pm1a_control;
  RegisterAddress pm1b_control;
  bool s5_known = false;  // \_S5 was found in the DSDT
  uint8_t s5_type_a = 0;
  uint8_t s5_type_b = 0;
  RegisterAddress reset;
  bool has_reset = false;
  uint8_t reset_value = 0;
  bool psci = false;      // ARM boot flags: PSCI compliant
  bool psci_hvc = false;  // conduit is HVC, otherwise SMC
};

struct Gtdt {
  bool present = false;
  uint32_t virtual_timer = 0;   // INTID
  uint32_t physical_timer = 0;  // INTID of the non-secure EL1 physical timer
};

struct Platform {
  Madt madt;
  Spcr spcr;
  Fadt fadt;
  Gtdt gtdt;
};

}  // namespace kernel
