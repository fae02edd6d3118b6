// cpu_local.h: what the kernel keeps for each CPU, reached through cpu::this_cpu().
#pragma once

#include <cstdint>

#include "cpu/context.h"
#include "cpu/per_cpu.h"

namespace kernel {

class Thread;

struct CpuLocal {
  // The user thread on this CPU, nullptr while none runs.
  Thread* thread = nullptr;
  // Where the CPU goes when the thread leaves: the kernel thread that started it.
  cpu::Context kernel_context{};
  // The pc at which cpu_probe_execute() is about to fault; 0: no fault is expected.
  uint64_t expected_fetch_fault = 0;
  uint64_t ticks = 0;
};

// The caller cannot migrate.
[[nodiscard]] inline CpuLocal& cpu_local() {
  return *static_cast<CpuLocal*>(cpu::this_cpu().kernel_data);
}

}  // namespace kernel
