// shootdown.h: running a short function on other CPUs and waiting until all have done so.
//
// A round: the caller leaves its request where it stays, marks itself in each target's word,
// interrupts those that were not marked by anybody, and waits. A target takes its word, carries
// out what all the marked callers ask for, and says so. Whoever waits, for answers or for a spin
// lock, carries out what others ask of it meanwhile: so CPUs that mask interrupts answer too, and
// two that want something of each other do not wait for ever.
//
// Actions run with interrupts masked, at any point where an interrupt or a wait for a lock may be:
// they take no lock and send nothing.
#pragma once

#include <cstdint>

#include "kernel/host/cpu_mask.h"

namespace kernel {

using RemoteAction = void (*)(void* context);

// Returns when action(context) has run on every CPU of `cpus`; this CPU and those that are not
// online do not count. Any context but NMI and actions; spin locks may be held.
void run_on_cpus(CpuMask cpus, RemoteAction action, void* context);

// Carries out what others have asked of this CPU. From the interrupt, and by everybody who spins.
// Any context but NMI.
void serve_shootdowns();

// What this machine's CPUs have done together so far.
struct ShootdownCounts {
  uint64_t rounds = 0;  // run_on_cpus() with somebody to ask
  uint64_t interrupts = 0;
};
[[nodiscard]] ShootdownCounts shootdown_counts();

}  // namespace kernel
