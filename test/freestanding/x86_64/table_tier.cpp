// Instantiates libvm's table tier over this architecture's real effects, so that every build
// compiles and assembles them.
#include "arch/x86_64/describe/format.h"
#include "arch/x86_64/mmu/mmu.h"
#include "vm/table/page_table.h"

namespace x86_64 {

struct ProofMachine {
  using Format = x86_64::Format;
  using Mmu = x86_64::Mmu;
  using Host = vm::HostExemplar;
};

}  // namespace x86_64

template class vm::TlbDirectory<x86_64::ProofMachine>;
template class vm::TlbBatch<x86_64::ProofMachine>;
template class vm::LockedTable<x86_64::ProofMachine>;
template class vm::PageTable<x86_64::ProofMachine>;
