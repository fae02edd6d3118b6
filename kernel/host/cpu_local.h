// cpu_local.h: what the kernel keeps for each CPU, reached through cpu::this_cpu().
#pragma once

#include <cstdint>

#include "cpu/per_cpu.h"
#include "cpu/trap_frame.h"
#include "kernel/host/held_locks.h"

namespace kernel {

class Thread;
class UserSpace;

enum class ObservedTrap : uint8_t { step, page_fault, timer, nmi };

// A self-test that watches the traps it provokes; page faults when they are dealt with. True: the
// trap was its own, and is dealt with.
using TrapObserver = bool (*)(cpu::TrapFrame& frame, ObservedTrap trap);

// Invalidations of user translations that a CPU has carried out, or broadcast.
struct MmuCounts {
  uint64_t ranges = 0;  // of pages
  uint64_t pages = 0;   // in these
  uint64_t tags = 0;    // all of one address space
  uint64_t everything = 0;
};

struct CpuLocal {
  // What runs on this CPU; nullptr before the scheduler has started. Others may look.
  Thread* thread = nullptr;
  // What runs when nothing else does.
  Thread* idle = nullptr;
  // Of a switch: who ran before, until the next one has arrived on its stack.
  Thread* left_behind = nullptr;
  // The running thread's time is up, or an idle CPU has something to do.
  bool switch_wanted = false;
  // Up to when this CPU's time has been charged to threads, nanoseconds.
  uint64_t charged_until = 0;
  // All that has been charged to threads other than the idle one.
  uint64_t user_ns = 0;
  uint64_t system_ns = 0;
  uint64_t switches = 0;  // of threads
  // The memory that user addresses mean on this CPU, nullptr: none.
  UserSpace* space = nullptr;
  // User accesses of the kernel fail instead of bringing pages in (quick_access.h).
  bool refuses_user_faults = false;
  // The pc at which cpu_probe_execute() is about to fault; 0: no fault is expected.
  uint64_t expected_fetch_fault = 0;
  uint64_t ticks = 0;
  uint64_t device_interrupts = 0;
  uint64_t ipis_sent[3]{};  // by cpu::Ipi
  uint64_t ipis_received = 0;
  uint64_t shootdown_rounds = 0;
  MmuCounts mmu;
  // Spin locks that this CPU holds.
  HeldLocks held_locks;

  // Of any moment, from any CPU.
  [[nodiscard]] bool is_idle() const { return __atomic_load_n(&thread, __ATOMIC_RELAXED) == idle; }
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
