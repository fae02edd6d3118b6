// Instantiates libvm's table tier over this architecture's real effects, so that every build
// compiles and assembles them.
#include "arch/aarch64/describe/format.h"
#include "arch/aarch64/mmu/mmu.h"
#include "vm/table/page_table.h"

namespace aarch64 {

struct ProofMachine {
  using Format = aarch64::Format;
  using Mmu = aarch64::Mmu;
  using Host = vm::HostExemplar;
};

}  // namespace aarch64

template class vm::TlbDirectory<aarch64::ProofMachine>;
template class vm::TlbBatch<aarch64::ProofMachine>;
template class vm::LockedTable<aarch64::ProofMachine>;
template class vm::PageTable<aarch64::ProofMachine>;
