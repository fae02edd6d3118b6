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

// The timer of another CPU, which runs this.
void init_secondary_timer();

// Nanoseconds since init_timer(); 0 before. Never goes backwards on one CPU. Callable anywhere.
[[nodiscard]] uint64_t monotonic_ns();

// Frequency of the counter behind monotonic_ns(), for the log.
[[nodiscard]] uint64_t counter_hz();

// trap_timer() once on this CPU, `delay_ns` from now; replaces what was wanted before.
void start_one_shot(uint64_t delay_ns);
// Not any more.
void stop_timer();

}  // namespace cpu
