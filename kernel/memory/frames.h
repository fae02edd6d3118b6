// frames.h: physical page frames, from libvm's allocator over what the boot memory map calls
// usable.
//
// Callable from any context but NMI. Frames below 1 MiB are never handed out.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/result.h"

namespace kernel {

inline constexpr unsigned max_frame_order = 10;  // 4 MiB

// Call once, after possible_cpus() is known. Error::out_of_memory: no range for the bookkeeping.
[[nodiscard]] base::Status init_frames();

// 2^order contiguous frames, aligned to their size, contents undefined. order <= max_frame_order.
// Error::out_of_memory: nothing changed.
[[nodiscard]] base::Result<base::Pfn> allocate_frames(unsigned order);
// One frame of zeroes.
[[nodiscard]] base::Result<base::Pfn> allocate_zeroed_frame();

// Gives back exactly what was allocated. A frame that is free, foreign or shared panics.
void free_frames(base::Pfn first, unsigned order);

// The kernel's window onto a frame: page_size bytes.
[[nodiscard]] void* frame_window(base::Pfn frame);

[[nodiscard]] uint64_t free_frame_count();
[[nodiscard]] uint64_t usable_frame_count();

// Panics when the allocator's lists, caches and records disagree. Nothing else may run meanwhile.
void check_frames();

}  // namespace kernel
