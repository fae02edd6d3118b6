// timer_line.h: what the trap path needs of the timer (aarch64 only).
#pragma once

#include <cstdint>

namespace cpu {

// The timer's INTID; 0 before init_timer().
[[nodiscard]] uint32_t timer_line();

// Takes away the reason for the interrupt.
void timer_expired();

}  // namespace cpu
