// shutdown.h: ending the machine, and what tools/run is told about it.
#pragma once

#include <cstdint>

namespace kernel {

// Status of the machine after a panic, where the emulator carries one.
inline constexpr uint8_t panic_status = 101;

// Powers off with `status` by the way the command line chose. Says nothing.
[[noreturn]] void end_machine(uint8_t status);

// Writes `@exit STATUS` (unless messages go to the console) and ends the machine.
[[noreturn]] void exit_machine(uint8_t status);

}  // namespace kernel
