// console_uart.h: the serial console: 16550 at COM1, or what SPCR names (aarch64: PL011).
//
// Polled output; input by interrupt (line below) or polling. No lock: the caller serialises.
#pragma once

#include "kernel/seam/platform.h"

#include <cstdint>
#include <optional>

namespace cpu {

// A console that works before ACPI is read, if the architecture has one (COM1); otherwise the
// kernel keeps its messages until init_console_uart().
void init_early_console();
[[nodiscard]] bool console_ready();

// The console SPCR names. Returns nullptr, or why there is no console (the kernel goes on
// without one).
[[nodiscard]] const char* init_console_uart(const kernel::Platform& platform);

// Writes one byte, waiting (bounded) for room; dropped when there is no console.
void uart_write(char byte);

// The next received byte, if there is one.
[[nodiscard]] std::optional<char> uart_read();

// The line that announces input, after enable_uart_interrupt(); nullopt: poll.
[[nodiscard]] std::optional<uint32_t> enable_uart_interrupt();

// While nobody has room for input: it stays in the device, whose sender waits.
void pause_uart_interrupt();
void resume_uart_interrupt();

}  // namespace cpu
