// TlbContext: what the CPUs may remember of one address space.
//
// Lives in the address space beside its page table. `generation` counts the invalidations of the
// space; a CPU that has seen fewer must forget everything of it before it runs it again. `active`
// names the CPUs that run it now: only they are reached by a shootdown.
//
// Order (Dekker): enter() joins `active`, then reads `generation`; an invalidation raises
// `generation`, then reads `active`. So either the CPU is reached, or it notices by itself.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "vm/seam/cpu_set.h"
#include "vm/seam/mmu_ops.h"

namespace vm {

class TlbContext {
 public:
  TlbContext() = default;
  TlbContext(const TlbContext&) = delete;
  TlbContext& operator=(const TlbContext&) = delete;
  // No CPU runs the space.
  ~TlbContext() { BASE_CHECK(active_.snapshot().empty(), "space destroyed while a CPU runs it"); }

  [[nodiscard]] CpuSet active() const { return active_.snapshot(); }

  // The tables are gone, what CPUs remember of them stays behind: the next ones are somebody else.
  void renew() {
    BASE_CHECK(active_.snapshot().empty(), "space renewed while a CPU runs it");
    identity_.store<base::Order::release>(0);
  }

 private:
  template <class M>
  friend class TlbDirectory;

  AtomicCpuSet active_;
  base::Atomic<uint64_t> generation_{1};
  // this_cpu: a number no other context ever had; 0 until a CPU first enters. all_cpus: the tag and
  // its allocation round, see TagAllocator; 0 until first entered.
  base::Atomic<uint64_t> identity_{0};
};

}  // namespace vm
