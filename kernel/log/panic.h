// panic.h: a broken invariant: says which, where and how it came there, and ends the machine.
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/host/text.h"

namespace kernel {

// Prints the reason and a symbolised backtrace of the caller; then ends the machine (with a
// failure where the emulator can be told one). Callable from any context.
[[noreturn]] void panic(const char* format, ...) __attribute__((format(printf, 1, 2)));

// The same for a trap: also the registers of `frame`, and the backtrace from there.
[[noreturn]] void panic_at(const cpu::TrapFrame& frame, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

}  // namespace kernel
