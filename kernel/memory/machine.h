// machine.h: libvm instantiated for this machine: entry format and effects of the architecture
// (arch/<isa>/describe, arch/<isa>/mmu), the kernel as host. One of each, for every address space.
#pragma once

#include "kernel/memory/counted_mmu.h"
#include "kernel/memory/host.h"
#include "mmu/machine.h"
#include "vm/seam/machine.h"
#include "vm/space/address_space.h"
#include "vm/space/space_system.h"

namespace kernel {

struct Machine {
  using Format = machine::Format;
  using Mmu = CountedMmu;
  using Host = kernel::Host;
};
static_assert(vm::Machine<Machine>);

using AddressSpace = vm::AddressSpace<Machine>;
using SpaceSystem = vm::SpaceSystem<Machine>;

// Once, after init_kernel_map(). Error::out_of_memory.
[[nodiscard]] base::Status init_machine();

[[nodiscard]] SpaceSystem& space_system();

// Frees what epochs still hold back, and kernel stacks kept for the next threads: for counts that
// must be exact. No lock held.
void settle_memory();

}  // namespace kernel
