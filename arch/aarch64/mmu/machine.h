// What libvm's C interface is compiled over: the entry format and the effects of this architecture.
#pragma once

#include "arch/aarch64/describe/format.h"
#include "arch/aarch64/mmu/mmu.h"

namespace machine {

using Format = aarch64::Format;
using Mmu = aarch64::Mmu;

}  // namespace machine
