// What libvm's C interface is compiled over: the entry format and the effects of this architecture.
#pragma once

#include "arch/x86_64/describe/format.h"
#include "arch/x86_64/mmu/mmu.h"

namespace machine {

using Format = x86_64::Format;
using Mmu = x86_64::Mmu;

}  // namespace machine
