// signal_trampoline.h: the code that handlers return to where programs do not bring their own.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "kernel/memory/user_space.h"

namespace kernel {

// Maps it into `space`, which nobody runs yet. Returns where; 0: programs bring it here.
// Error::out_of_memory, no_address_range.
[[nodiscard]] base::Result<uint64_t> map_signal_trampoline(UserSpace& space);

}  // namespace kernel
