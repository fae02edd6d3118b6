// power.h: ending the machine.
#pragma once

#include "kernel/seam/platform.h"

#include <cstdint>

namespace cpu {

enum class ExitPath : uint8_t {
  platform,  // ACPI S5 or reset register; PSCI SYSTEM_OFF
  emulator,  // isa-debug-exit at 0xf4; semihosting SYS_EXIT_EXTENDED: carries the status
};

// Powers the machine off; falls back from `emulator` to `platform` to halting.
// `platform` may be only partly filled when a panic comes early.
[[noreturn]] void power_off(const kernel::Platform& platform, ExitPath path, uint8_t status);

// Restarts the machine at once (x86_64: triple fault; aarch64: PSCI SYSTEM_RESET), or halts.
[[noreturn]] void reset(const kernel::Platform& platform);

}  // namespace cpu
