// A machine for vm.h on the build host: a real entry format, and an MMU that nobody walks.
#pragma once

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"
#include "vm/seam/mmu_ops.h"

namespace machine {

#if defined(HOSTED_FORMAT_AARCH64)
using Format = aarch64::Format;
#else
using Format = x86_64::Format;
#endif

struct Mmu : vm::MmuOpsExemplar {
  Mmu(const vm::Features&, base::Pfn) {}
};

}  // namespace machine
