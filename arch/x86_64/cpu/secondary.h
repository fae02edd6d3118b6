// secondary.h: starting the other CPUs, one after the other.
//
// x86_64: INIT and start-up interrupts; the CPU begins in real mode in a page below 1 MiB.
// aarch64: PSCI CPU_ON; it begins with translation off, at the kernel's physical address.
#pragma once

#include <cstdint>

#include "cpu/per_cpu.h"
#include "kernel/seam/platform.h"

namespace cpu {

// Once, on the boot CPU, after init_timer(). nullptr, or why no other CPU can be started.
[[nodiscard]] const char* prepare_secondaries(const kernel::Platform& platform);

// Starts the CPU of `block` (index and hardware_id set, the rest zero), which then runs
// kernel::secondary_main(block) on the stack that ends at `stack_top`, with interrupts masked and
// without a PerCpu block of its own yet. Returns before it has come up: nullptr, or why the
// machine refuses. `block` and the stack are given away for good.
[[nodiscard]] const char* start_secondary(PerCpu& block, uint64_t stack_top);

// It has not come up in time: what can be done so that it never does.
void abandon_secondary(const PerCpu& block);

// On the new CPU, after init_per_cpu(), enable_features() and init_traps(): its interrupt
// controller and timer. nullptr, or why it cannot be used.
[[nodiscard]] const char* init_secondary_devices();

}  // namespace cpu
