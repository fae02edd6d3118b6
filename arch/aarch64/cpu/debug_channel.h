// debug_channel.h: the emulator's side channel for kernel messages, apart from the console.
// x86_64: debug console, port 0xe9. aarch64: semihosting (HLT #0xF000).
#pragma once

namespace cpu {

// The value of `log=` that selects it.
inline constexpr const char* debug_channel_name = "semihosting";

// True if choosing the channel also means leaving through it (aarch64: semihosting exit).
inline constexpr bool debug_channel_exits = true;

void debug_channel_write(char byte);

}  // namespace cpu
