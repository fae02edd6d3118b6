// timer.h: monotonic time and the tick of this CPU.
//
// x86_64: invariant TSC, calibrated against the ACPI PM timer (or the PIT), local APIC timer.
// aarch64: CNTVCT_EL0 at CNTFRQ_EL0, virtual timer interrupt from GTDT.
#pragma once

#include "kernel/seam/platform.h"

#include <cstdint>

namespace cpu {

// Calibrates. Requires init_interrupt_controller(). Returns nullptr or why there is no time.
[[nodiscard]] const char* init_timer(const kernel::Platform& platform);

// Nanoseconds since init_timer(); 0 before. Never goes backwards on one CPU. Callable anywhere.
[[nodiscard]] uint64_t monotonic_ns();

// Frequency of the counter behind monotonic_ns(), for the log.
[[nodiscard]] uint64_t counter_hz();

// trap_timer() every `period_ns` on this CPU, until stop_tick().
void start_tick(uint64_t period_ns);
// trap_timer() once, `delay_ns` from now; replaces a tick.
void start_one_shot(uint64_t delay_ns);
void stop_tick();

}  // namespace cpu
