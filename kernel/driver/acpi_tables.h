// acpi_tables.h: the ACPI structures that acpi.cpp reads (ACPI specification 6.4, chapter 5).
// Packed, little endian, exactly as in memory.
#pragma once

#include <cstdint>

namespace kernel::acpi {

struct [[gnu::packed]] Rsdp {
  char signature[8];  // "RSD PTR "
  uint8_t checksum;   // over the first 20 bytes
  char oem[6];
  uint8_t revision;
  uint32_t rsdt;
  uint32_t length;  // from here on: revision 2
  uint64_t xsdt;
  uint8_t extended_checksum;
  uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);
inline constexpr uint32_t rsdp_v1_size = 20;

struct [[gnu::packed]] Header {
  char signature[4];
  uint32_t length;
  uint8_t revision;
  uint8_t checksum;
  char oem[6];
  char oem_table[8];
  uint32_t oem_revision;
  uint32_t creator;
  uint32_t creator_revision;
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] GenericAddress {
  uint8_t space;  // 0: memory, 1: I/O
  uint8_t bit_width;
  uint8_t bit_offset;
  uint8_t access_size;
  uint64_t address;
};

struct [[gnu::packed]] MadtHeader {
  Header header;
  uint32_t local_apic;
  uint32_t flags;  // bit 0: 8259 present
};

struct [[gnu::packed]] EntryHeader {
  uint8_t type;
  uint8_t length;
};

struct [[gnu::packed]] MadtLocalApic {  // type 0
  EntryHeader entry;
  uint8_t acpi_uid;
  uint8_t apic_id;
  uint32_t flags;  // bit 0: enabled, bit 1: may be enabled
};
struct [[gnu::packed]] MadtIoApic {  // type 1
  EntryHeader entry;
  uint8_t id;
  uint8_t reserved;
  uint32_t address;
  uint32_t gsi_base;
};
struct [[gnu::packed]] MadtOverride {  // type 2
  EntryHeader entry;
  uint8_t bus;
  uint8_t source;
  uint32_t gsi;
  uint16_t flags;  // bits 0-1 polarity, 2-3 trigger
};
struct [[gnu::packed]] MadtLocalApicAddress {  // type 5
  EntryHeader entry;
  uint16_t reserved;
  uint64_t address;
};
struct [[gnu::packed]] MadtLocalX2apic {  // type 9
  EntryHeader entry;
  uint16_t reserved;
  uint32_t apic_id;
  uint32_t flags;
  uint32_t acpi_uid;
};
struct [[gnu::packed]] MadtGicc {  // type 11; later revisions are longer
  EntryHeader entry;
  uint16_t reserved;
  uint32_t interface_number;
  uint32_t acpi_uid;
  uint32_t flags;  // bit 0: enabled
  uint32_t parking_version;
  uint32_t performance_interrupt;
  uint64_t parked_address;
  uint64_t base;
  uint64_t gicv;
  uint64_t gich;
  uint32_t maintenance_interrupt;
  uint64_t redistributor;
  uint64_t mpidr;
};
struct [[gnu::packed]] MadtGicd {  // type 12
  EntryHeader entry;
  uint16_t reserved;
  uint32_t id;
  uint64_t base;
  uint32_t vector_base;
  uint8_t version;
  uint8_t reserved2[3];
};
struct [[gnu::packed]] MadtGicr {  // type 14
  EntryHeader entry;
  uint16_t reserved;
  uint64_t base;
  uint32_t size;
};

struct [[gnu::packed]] SpcrTable {
  Header header;
  uint8_t interface_type;
  uint8_t reserved[3];
  GenericAddress registers;
  uint8_t interrupt_type;
  uint8_t irq;
  uint32_t gsi;
};

struct [[gnu::packed]] FadtTable {
  Header header;
  uint32_t firmware_control;
  uint32_t dsdt;
  uint8_t reserved0;
  uint8_t profile;
  uint16_t sci_interrupt;
  uint32_t smi_command;
  uint8_t acpi_enable;
  uint8_t acpi_disable;
  uint8_t s4bios;
  uint8_t pstate;
  uint32_t pm1a_event;
  uint32_t pm1b_event;
  uint32_t pm1a_control;
  uint32_t pm1b_control;
  uint32_t pm2_control;
  uint32_t pm_timer;
  uint32_t gpe0;
  uint32_t gpe1;
  uint8_t pm1_event_length;
  uint8_t pm1_control_length;
  uint8_t pm2_control_length;
  uint8_t pm_timer_length;
  uint8_t gpe0_length;
  uint8_t gpe1_length;
  uint8_t gpe1_base;
  uint8_t cstate;
  uint16_t c2_latency;
  uint16_t c3_latency;
  uint16_t flush_size;
  uint16_t flush_stride;
  uint8_t duty_offset;
  uint8_t duty_width;
  uint8_t day_alarm;
  uint8_t month_alarm;
  uint8_t century;
  uint16_t ia_boot_flags;
  uint8_t reserved1;
  uint32_t flags;  // bit 8: 32-bit PM timer, bit 10: reset register
  GenericAddress reset;
  uint8_t reset_value;
  uint16_t arm_boot_flags;  // bit 0: PSCI, bit 1: by HVC
  uint8_t minor;
  uint64_t x_firmware_control;
  uint64_t x_dsdt;
  GenericAddress x_pm1a_event;
  GenericAddress x_pm1b_event;
  GenericAddress x_pm1a_control;
  GenericAddress x_pm1b_control;
  GenericAddress x_pm2_control;
  GenericAddress x_pm_timer;
};

struct [[gnu::packed]] GtdtTable {
  Header header;
  uint64_t counter_base;
  uint32_t reserved;
  uint32_t secure_interrupt;
  uint32_t secure_flags;
  uint32_t physical_interrupt;  // non-secure EL1
  uint32_t physical_flags;
  uint32_t virtual_interrupt;
  uint32_t virtual_flags;
};

}  // namespace kernel::acpi
