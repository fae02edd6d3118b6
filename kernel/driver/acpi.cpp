#include "kernel/driver/acpi.h"

#include <cstring>
#include <span>

#include "base/address.h"
#include "kernel/driver/acpi_tables.h"
#include "kernel/driver/aml_sleep.h"
#include "kernel/host/boot_info.h"
#include "kernel/log/log.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace {

using acpi::Header;
using Bytes = std::span<const uint8_t>;

Platform found;

constexpr uint32_t max_table = 1u << 20;

bool checksum_good(Bytes bytes) {
  uint8_t sum = 0;
  for (const uint8_t byte : bytes) {
    sum = uint8_t(sum + byte);
  }
  return sum == 0;
}

// [physical, physical + size), empty when it is not all in the direct map.
Bytes memory_at(uint64_t physical, uint64_t size) {
  if (!in_direct_map(base::PhysAddr(physical), size)) {
    return {};
  }
  return {static_cast<const uint8_t*>(direct_map(physical)), size};
}

// A structure at the front of `bytes`, nullptr when it is cut off. Packed: any alignment.
template <typename T>
const T* front_as(Bytes bytes) {
  return bytes.size() < sizeof(T) ? nullptr : reinterpret_cast<const T*>(bytes.data());
}

// The table at `physical`, whole and with a good checksum; empty otherwise, said in the log.
Bytes table_at(uint64_t physical) {
  const auto* header = front_as<Header>(memory_at(physical, sizeof(Header)));
  if (header == nullptr) {
    LOG_WARNING("acpi: table at %lx is outside memory", physical);
    return {};
  }
  const Bytes table = header->length < sizeof(Header) || header->length > max_table
                          ? Bytes()
                          : memory_at(physical, header->length);
  if (table.empty() || !checksum_good(table)) {
    LOG_WARNING("acpi: table %.4s at %lx has a bad %s", header->signature, physical,
                table.empty() ? "length" : "checksum");
    return {};
  }
  return table;
}

RegisterAddress convert(const acpi::GenericAddress& address) {
  using Space = RegisterAddress::Space;
  if (address.address == 0 || address.space > 1) {
    return {};
  }
  return {address.space == 0 ? Space::memory : Space::io, address.address};
}

RegisterAddress io_register(const acpi::GenericAddress* extended, uint32_t legacy) {
  const RegisterAddress address = extended != nullptr ? convert(*extended) : RegisterAddress{};
  if (address.space != RegisterAddress::Space::none) {
    return address;
  }
  return legacy == 0 ? RegisterAddress{} : RegisterAddress{RegisterAddress::Space::io, legacy};
}

void add_processor(uint64_t hardware_id, uint32_t uid, uint64_t redistributor) {
  found.madt.cpus.add({hardware_id, uid, redistributor});
}

void read_madt_entry(Bytes bytes, uint8_t type) {
  Madt& madt = found.madt;
  if (const auto* apic = front_as<acpi::MadtLocalApic>(bytes); type == 0 && apic) {
    if (apic->flags & 1) {  // 2: might be plugged in later
      add_processor(apic->apic_id, apic->acpi_uid, 0);
    }
  } else if (const auto* io = front_as<acpi::MadtIoApic>(bytes); type == 1 && io) {
    madt.io_apics.add({io->id, io->address, io->gsi_base});
  } else if (const auto* over = front_as<acpi::MadtOverride>(bytes); type == 2 && over) {
    madt.overrides.add(
        {over->source, over->gsi, (over->flags & 3) == 3, ((over->flags >> 2) & 3) == 3});
  } else if (const auto* where = front_as<acpi::MadtLocalApicAddress>(bytes); type == 5 && where) {
    madt.local_apic = where->address;
  } else if (const auto* x2 = front_as<acpi::MadtLocalX2apic>(bytes); type == 9 && x2) {
    if (x2->flags & 1) {
      add_processor(x2->apic_id, x2->acpi_uid, 0);
    }
  } else if (const auto* gicc = front_as<acpi::MadtGicc>(bytes); type == 11 && gicc) {
    if (gicc->flags & 1) {
      add_processor(gicc->mpidr, gicc->acpi_uid, gicc->redistributor);
    }
  } else if (const auto* gicd = front_as<acpi::MadtGicd>(bytes); type == 12 && gicd) {
    madt.gic_distributor = gicd->base;
    madt.gic_version = gicd->version;
  } else if (const auto* gicr = front_as<acpi::MadtGicr>(bytes); type == 14 && gicr) {
    madt.gic_redistributors.add({gicr->base, gicr->size});
  }
}

void read_madt(Bytes table) {
  const auto* header = front_as<acpi::MadtHeader>(table);
  if (header == nullptr) {
    LOG_WARNING("acpi: MADT is too short");
    return;
  }
  found.madt.local_apic = header->local_apic;
  found.madt.has_8259 = header->flags & 1;
  Bytes rest = table.subspan(sizeof(acpi::MadtHeader));
  while (const auto* entry = front_as<acpi::EntryHeader>(rest)) {
    if (entry->length < sizeof(acpi::EntryHeader) || entry->length > rest.size()) {
      LOG_WARNING("acpi: MADT entry of type %u has a bad length", unsigned(entry->type));
      break;
    }
    read_madt_entry(rest.first(entry->length), entry->type);
    rest = rest.subspan(entry->length);
  }
  found.madt.present = true;
}

void read_spcr(Bytes table) {
  const auto* spcr = front_as<acpi::SpcrTable>(table);
  if (spcr == nullptr) {
    LOG_WARNING("acpi: SPCR is too short");
    return;
  }
  constexpr uint8_t interrupt_8259 = 1;
  found.spcr = {true, spcr->interface_type, convert(spcr->registers),
                (spcr->interrupt_type & ~interrupt_8259) ? spcr->gsi : 0};
}

void read_fadt(Bytes table) {
  // The table grew with every version: a copy, zero where the firmware's is shorter.
  acpi::FadtTable fadt{};
  memcpy(&fadt, table.data(), table.size() < sizeof(fadt) ? table.size() : sizeof(fadt));
  constexpr uint32_t flag_timer_32bit = 1u << 8;
  constexpr uint32_t flag_reset = 1u << 10;
  Fadt& out = found.fadt;
  out.present = true;
  out.pm_timer = io_register(&fadt.x_pm_timer, fadt.pm_timer);
  out.pm_timer_32bit = fadt.flags & flag_timer_32bit;
  out.pm1a_control = io_register(&fadt.x_pm1a_control, fadt.pm1a_control);
  out.pm1b_control = io_register(&fadt.x_pm1b_control, fadt.pm1b_control);
  out.reset = convert(fadt.reset);
  out.has_reset = fadt.flags & flag_reset;
  out.reset_value = fadt.reset_value;
  out.psci = fadt.arm_boot_flags & 1;
  out.psci_hvc = fadt.arm_boot_flags & 2;
  const uint64_t dsdt = fadt.x_dsdt != 0 ? fadt.x_dsdt : fadt.dsdt;
  if (dsdt != 0) {
    if (const auto sleep = find_s5(table_at(dsdt))) {
      out.s5_known = true;
      out.s5_type_a = sleep->type_a;
      out.s5_type_b = sleep->type_b;
    }
  }
}

void read_gtdt(Bytes table) {
  const auto* gtdt = front_as<acpi::GtdtTable>(table);
  if (gtdt == nullptr) {
    LOG_WARNING("acpi: GTDT is too short");
    return;
  }
  found.gtdt = {true, gtdt->virtual_interrupt, gtdt->physical_interrupt};
}

void read_table(uint64_t physical) {
  const Bytes table = table_at(physical);
  if (table.empty()) {
    return;
  }
  const Text signature(reinterpret_cast<const char*>(table.data()), 4);
  if (signature == "APIC") {
    read_madt(table);
  } else if (signature == "SPCR") {
    read_spcr(table);
  } else if (signature == "FACP") {
    read_fadt(table);
  } else if (signature == "GTDT") {
    read_gtdt(table);
  }
}

// Every table that the root table names; entries of 4 (RSDT) or 8 bytes (XSDT).
void read_root(uint64_t physical, unsigned entry_size) {
  Bytes rest = table_at(physical);
  if (rest.empty()) {
    return;
  }
  for (rest = rest.subspan(sizeof(Header)); rest.size() >= entry_size;
       rest = rest.subspan(entry_size)) {
    uint64_t address = 0;
    memcpy(&address, rest.data(), entry_size);
    read_table(address);
  }
}

}  // namespace

void read_acpi() {
  found = Platform();
  const uint64_t where = boot_info().acpi_rsdp;
  const auto* rsdp =
      where == 0 ? nullptr : front_as<acpi::Rsdp>(memory_at(where, sizeof(acpi::Rsdp)));
  if (rsdp == nullptr || memcmp(rsdp->signature, "RSD PTR ", 8) != 0 ||
      !checksum_good(memory_at(where, acpi::rsdp_v1_size))) {
    LOG_WARNING("acpi: no usable RSDP");
    return;
  }
  const bool extended = rsdp->revision >= 2 && rsdp->xsdt != 0;
  if (extended && !checksum_good(memory_at(where, sizeof(acpi::Rsdp)))) {
    LOG_WARNING("acpi: RSDP has a bad extended checksum");
    return;
  }
  extended ? read_root(rsdp->xsdt, 8) : read_root(rsdp->rsdt, 4);
  if (found.madt.cpus.dropped != 0) {
    LOG_WARNING("acpi: %zu processors too many are ignored", found.madt.cpus.dropped);
  }
}

const Platform& platform() {
  return found;
}

}  // namespace kernel
