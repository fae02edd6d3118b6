// explore: runs a scenario under every interleaving of its fibers that can matter.
//
// Exhaustive mode is dynamic partial-order reduction with sleep sets: two runs that differ only in
// the order of accesses that do not conflict are one. Bounded mode visits every schedule with at
// most `preemptions` switches away from a fiber that could have gone on, at accesses that conflict
// with another fiber's. A scenario is run afresh each time and must be deterministic otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/random.h"
#include "sim/scheduler.h"

namespace sim {

struct ExploreOptions {
  static constexpr uint32_t exhaustive = ~0u;
  uint32_t preemptions = exhaustive;
  uint64_t max_runs = 1'000'000;
  uint64_t max_steps = 50'000;  // of one run; more is a livelock
};

struct Exploration {
  uint64_t runs = 0;
  bool complete = false;  // every interleaving was visited
  uint64_t longest = 0;   // steps of the longest run
};

// `scenario` builds its world, spawns fibers, calls run() and checks. A failure is thrown on, with
// the schedule printed to stderr before.
Exploration explore(const ExploreOptions& options, const std::function<void(Scheduler&)>& scenario);

// One run with a schedule drawn from `seed`: switches with probability 1/`switch_one_in`.
void run_random(uint64_t seed, uint64_t switch_one_in,
                const std::function<void(Scheduler&)>& scenario);

}  // namespace sim
