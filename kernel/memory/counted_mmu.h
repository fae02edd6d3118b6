// counted_mmu.h: the architecture's effects on the MMU, counting what each CPU invalidates.
#pragma once

#include "kernel/host/cpu_local.h"
#include "mmu/machine.h"

namespace kernel {

class CountedMmu : public machine::Mmu {
 public:
  using machine::Mmu::Mmu;

  void invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate what) {
    MmuCounts& counts = cpu_local().mmu;
    ++counts.ranges;
    counts.pages += pages.count().raw();
    machine::Mmu::invalidate(tag, pages, what);
  }
  void invalidate_tag(vm::Tag tag) {
    ++cpu_local().mmu.tags;
    machine::Mmu::invalidate_tag(tag);
  }
  void invalidate_everything() {
    ++cpu_local().mmu.everything;
    machine::Mmu::invalidate_everything();
  }
};
static_assert(vm::MmuOps<CountedMmu>);

}  // namespace kernel
