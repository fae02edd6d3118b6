// screen.h: the console on the machine's screen: what goes to the serial console and the log, drawn
// into the framebuffer that the loader found.
//
// Writing changes cells in memory only; cells that differ from what the screen shows are drawn
// later, a bounded number a timer tick, so output is never slowed to the speed of pixels and what
// scrolls past unseen costs nothing. Nothing is read from the framebuffer.
// Locks: a leaf spin lock; any context but NMI. Without a screen every function does nothing.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

// Maps the framebuffer of BootInfo and clears it; `font` is a PSF file that stays. Returns nullptr,
// or why there is no screen: the kernel goes on without one. After init_kernel_map(). Once.
[[nodiscard]] const char* init_screen(std::span<const uint8_t> font);
[[nodiscard]] bool screen_present();

// Characters in a line and lines on the screen; 0 by 0 without one.
struct ScreenSize {
  unsigned columns;
  unsigned rows;
};
[[nodiscard]] ScreenSize screen_size();

// Bytes for the terminal (terminal.h).
void screen_write(Text bytes);
// Whole lines, each ended by a newline that includes the carriage return.
void screen_write_lines(Text lines);

// Draws all of it, though another holder of the lock be stuck. Before the machine stops.
void finish_screen();

}  // namespace kernel
