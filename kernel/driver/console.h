// console.h: the serial console as programs see it: output with or without translation, input
// through a small line discipline.
//
// Input arrives by interrupt into a ring (surplus is dropped) or is polled. In tty mode a reader
// gets whole lines: echo, erase (BS, DEL), kill line (^U), end of file (^D on an empty line). In
// pipe mode bytes pass as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

// After init_console_uart() and init_interrupt_controller().
void init_console();

// Sends `text` whole; in tty mode newline becomes carriage return, newline.
void console_write(Text text);

// Waits for input and takes at most buffer.size() bytes of it; 0: end of file. Interrupts must be
// on; the caller holds nothing.
size_t console_read(std::span<char> buffer);

// The same, but always a whole line (or as much of it as fits), edited as in tty mode; echoed only
// there. For the prompt.
size_t console_read_line(std::span<char> buffer);

// Whether console_read() would return at once.
[[nodiscard]] bool console_has_input();

// From the interrupt of `line`: true if it was the console's.
bool console_interrupt(uint32_t line);

}  // namespace kernel
