// Stamps on free frames: a write through a stale mapping is found when the frame is next used.
//
// VM_FRAME_POISON 0: off. 1: eight words, one per 512 bytes (the default with debug checks).
// 2: the whole frame. The stamp depends on the place in the frame, so copies of it are found too.
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/check.h"

#ifndef VM_FRAME_POISON
#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
#define VM_FRAME_POISON 1
#else
#define VM_FRAME_POISON 0
#endif
#endif
static_assert(VM_FRAME_POISON >= 0 && VM_FRAME_POISON <= 2);

namespace vm::frame_poison {

inline constexpr bool enabled = VM_FRAME_POISON != 0;
inline constexpr unsigned words = base::page_size / sizeof(uint64_t);
inline constexpr unsigned stride = VM_FRAME_POISON == 2 ? 1 : 64;
inline constexpr uint64_t pattern = 0xdead'f4a3'0000'0000ULL;

// `memory` is a frame's window, or nullptr.
inline void stamp(void* memory) {
  if constexpr (enabled) {
    auto* word = static_cast<uint64_t*>(memory);
    for (unsigned i = 0; word != nullptr && i < words; i += stride) {
      word[i] = pattern | i;
    }
  }
}

inline void check(const void* memory) {
  if constexpr (enabled) {
    const auto* word = static_cast<const uint64_t*>(memory);
    for (unsigned i = 0; word != nullptr && i < words; i += stride) {
      BASE_CHECK(word[i] == (pattern | i), "a free frame was written to");
    }
  }
}

inline void check_zero(const void* memory) {
  if constexpr (enabled) {
    const auto* word = static_cast<const uint64_t*>(memory);
    for (unsigned i = 0; word != nullptr && i < words; i += stride) {
      BASE_CHECK(word[i] == 0, "a free zeroed frame was written to");
    }
  }
}

}  // namespace vm::frame_poison
