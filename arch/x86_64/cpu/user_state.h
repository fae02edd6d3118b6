// user_state.h: which vector state exists (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

// What features.cpp found. `xsave_mask`: XCR0 components to save, 0 for FXSAVE only. `size`: bytes
// of the save area.
void configure_user_state(uint64_t xsave_mask, uint64_t size);

// The components; 0: FXSAVE only.
[[nodiscard]] uint64_t user_state_mask();
// The bits of MXCSR that may be set.
[[nodiscard]] uint32_t mxcsr_mask();

}  // namespace cpu
