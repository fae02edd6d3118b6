// Machine: a format, its effects and a host; what libvm's templates are instantiated over.
#pragma once

#include "vm/seam/host.h"
#include "vm/seam/mmu_format.h"
#include "vm/seam/mmu_ops.h"

namespace vm {

template <class M>
concept Machine =
    MmuFormat<typename M::Format> && MmuOps<typename M::Mmu> && Host<typename M::Host>;

struct MachineExemplar {
  using Format = MmuFormatExemplar;
  using Mmu = MmuOpsExemplar;
  using Host = HostExemplar;
};
static_assert(Machine<MachineExemplar>);

}  // namespace vm
