// acpi.h: the machine's description, read from ACPI tables with every length and checksum checked.
#pragma once

#include "kernel/seam/platform.h"

namespace kernel {

// Reads RSDP, XSDT (or RSDT), MADT, SPCR, FADT, GTDT. Anything malformed is said in the log and
// left out. After adopt_boot_info().
void read_acpi();

// What was found; empty before read_acpi().
[[nodiscard]] const Platform& platform();

}  // namespace kernel
