// gic.h: what the trap path needs of the interrupt controller (aarch64 only).
#pragma once

#include <cstdint>

namespace cpu::gic {

// INTIDs from here on mean that there is nothing to take.
inline constexpr uint32_t first_special = 1020;

// Takes the pending interrupt of the highest priority.
[[nodiscard]] uint32_t acknowledge();

}  // namespace cpu::gic
