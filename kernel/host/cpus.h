// cpus.h: the CPUs of the machine by number, and which of them take part.
//
// Numbers are [0, possible_cpus()), 0 is the boot CPU's. A CPU is online from shortly before its
// scheduler runs until the machine ends.
#pragma once

#include <cstdint>

#include "cpu/ipi.h"
#include "cpu/per_cpu.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/cpu_mask.h"

namespace kernel {

// How many numbers there may be: what the MADT names, at most `smp=` and max_cpus. After
// read_acpi() and parse_command_line(); constant.
[[nodiscard]] uint32_t possible_cpus();

[[nodiscard]] CpuMask online_cpus();
// Those but the caller's.
[[nodiscard]] CpuMask other_cpus();

// Of a CPU that is online, or about to be.
[[nodiscard]] CpuLocal& cpu_local_of(uint32_t cpu);

// Gives a number its block and its data: once, before the CPU can be seen by others.
void enter_cpu(cpu::PerCpu& block, CpuLocal& local);
// The CPU that runs this takes part from now on.
void bring_online();

// The others run no further, as far as the machine lets that be done to them: the end, or a panic.
// Any context. The first CPU to call it goes on, a second one stops here; the same one again goes
// on at once.
void stop_other_cpus();
// In the interrupt that stop_other_cpus() sends: stops, if it was that.
void stop_if_asked();

// To each CPU of `to`, which are online and not this one. Interrupts masked, or no migration.
void send_ipis(CpuMask to, cpu::Ipi which);

}  // namespace kernel
