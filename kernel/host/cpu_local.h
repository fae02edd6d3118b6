// cpu_local.h: what the kernel keeps for each CPU, reached through cpu::this_cpu().
#pragma once

#include <cstdint>

#include "cpu/context.h"
#include "cpu/per_cpu.h"
#include "cpu/trap_frame.h"

namespace kernel {

class Thread;
class UserSpace;

enum class ObservedTrap : uint8_t { step, page_fault, timer, nmi };

// A self-test that watches the traps it provokes; page faults when they are dealt with. True: the
// trap was its own, and is dealt with.
using TrapObserver = bool (*)(cpu::TrapFrame& frame, ObservedTrap trap);

struct CpuLocal {
  // The user thread on this CPU, nullptr while none runs.
  Thread* thread = nullptr;
  // The memory that user addresses mean on this CPU, nullptr: none.
  UserSpace* space = nullptr;
  // Where the CPU goes when the thread leaves: the kernel thread that started it.
  cpu::Context kernel_context{};
  // The pc at which cpu_probe_execute() is about to fault; 0: no fault is expected.
  uint64_t expected_fetch_fault = 0;
  uint64_t ticks = 0;
  TrapObserver trap_observer = nullptr;
};

// The caller cannot migrate.
[[nodiscard]] inline CpuLocal& cpu_local() {
  return *static_cast<CpuLocal*>(cpu::this_cpu().kernel_data);
}

// Whether a self-test dealt with the trap.
[[nodiscard]] inline bool is_observed(cpu::TrapFrame& frame, ObservedTrap trap) {
  const TrapObserver observer = cpu_local().trap_observer;
  return observer != nullptr && observer(frame, trap);
}

}  // namespace kernel
