// FaultCount: the fault counters of one space, spread over lines so that CPUs which fault at the
// same time rarely write the same one. Sums are exact when nothing runs.
#pragma once

#include "base/atomic.h"
#include "vm/seam/cpu_set.h"
#include "vm/space/requests.h"

namespace vm {

enum class FaultKind : uint8_t {
  zero,
  fresh,
  copied,
  reused,
  object,
  around,
  waited,
  huge,
  spurious,
  refused,
  count,
};

class FaultCount {
 public:
  BASE_ALWAYS_INLINE void add(uint32_t cpu, FaultKind kind, uint64_t by = 1) {
    base::Atomic<uint64_t>& counter = lines_[cpu % line_count].counters[unsigned(kind)];
    if constexpr (line_count >= max_cpus_without_sharing) {
      counter.store<base::Order::relaxed>(counter.load<base::Order::relaxed>() + by);
    } else {
      counter.fetch_add<base::Order::relaxed>(by);
    }
  }
  [[nodiscard]] uint64_t sum(FaultKind kind) const {
    uint64_t total = 0;
    for (const Line& line : lines_) {
      total += line.counters[unsigned(kind)].load<base::Order::relaxed>();
    }
    return total;
  }
  void fill(FaultCounters& counters) const {
    counters.zero = sum(FaultKind::zero);
    counters.fresh = sum(FaultKind::fresh);
    counters.copied = sum(FaultKind::copied);
    counters.reused = sum(FaultKind::reused);
    counters.object = sum(FaultKind::object);
    counters.around = sum(FaultKind::around);
    counters.waited = sum(FaultKind::waited);
    counters.huge = sum(FaultKind::huge);
    counters.spurious = sum(FaultKind::spurious);
    counters.refused = sum(FaultKind::refused);
  }

 private:
  static constexpr unsigned line_count = 8;
  static constexpr unsigned max_cpus_without_sharing = max_cpus;
  struct alignas(128) Line {
    base::Atomic<uint64_t> counters[unsigned(FaultKind::count)];
  };
  Line lines_[line_count];
};

}  // namespace vm
