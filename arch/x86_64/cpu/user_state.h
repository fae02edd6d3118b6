// user_state.h: how features.cpp tells context.cpp which vector state exists (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

// `xsave_mask`: XCR0 components to save, 0 for FXSAVE only. `size`: bytes of the save area.
void configure_user_state(uint64_t xsave_mask, uint64_t size);

}  // namespace cpu
