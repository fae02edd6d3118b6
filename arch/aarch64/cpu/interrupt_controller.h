// interrupt_controller.h: local APIC and I/O APICs (aarch64: GICv3), from the parsed MADT.
#pragma once

#include "kernel/seam/platform.h"

#include <cstdint>

namespace cpu {

// Maps and initialises the controller for the boot CPU; every line starts masked, the legacy
// 8259 is silenced. Returns nullptr, or why it cannot be used (the kernel panics with it).
// Requires the kernel's device mapping (kernel/seam/memory.h).
[[nodiscard]] const char* init_interrupt_controller(const kernel::Platform& platform);

// What it is, once initialised: "xAPIC", "x2APIC", "GICv3".
[[nodiscard]] const char* interrupt_controller_name();

enum class LineTrigger : uint8_t { edge, level };

// Routes `line` (global system interrupt, INTID) to the boot CPU and unmasks it. MADT source
// overrides are applied by legacy_line(), not here.
void enable_line(uint32_t line, LineTrigger trigger);
void disable_line(uint32_t line);

// The line on which legacy interrupt `irq` arrives after MADT overrides (aarch64: the identity).
[[nodiscard]] uint32_t legacy_line(uint32_t irq);

// Ends the interrupt that trap_interrupt() reported.
void end_of_interrupt(uint32_t line);

}  // namespace cpu
