// gic.h: what the trap path needs of the interrupt controller (aarch64 only).
#pragma once

#include <cstdint>

namespace cpu::gic {

// INTIDs from here on mean that there is nothing to take.
inline constexpr uint32_t first_special = 1020;

// Takes the pending interrupt of the highest priority.
[[nodiscard]] uint32_t acknowledge();

// Enables the part of the CPU that runs this, which is not the boot CPU. nullptr or why not.
[[nodiscard]] const char* init_secondary();

// Interrupts from other CPUs have INTIDs below this (cpu/ipi.h: the number is the reason).
inline constexpr uint32_t first_per_cpu = 16;

}  // namespace cpu::gic
