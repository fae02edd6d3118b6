// FrameStatistics: where the frames of an allocator are. A snapshot: exact when nothing runs.
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "vm/frame/block_order.h"

namespace vm {

struct FrameStatistics {
  base::PageCount managed;        // ever given to the allocator
  base::PageCount free;           // in the shared lists
  base::PageCount cached;         // in the CPUs' caches
  base::PageCount zeroed;         // known to be zero, in the pool and the CPUs' caches
  base::PageCount emergency;      // of `free`, what only reclaim may take
  base::PageCount largest_block;  // of the shared lists
  uint64_t free_blocks[block_order_count] = {};
  uint64_t refills = 0;   // times a CPU's cache went to the shared lists for frames
  uint64_t drains = 0;    // times it gave frames back
  uint64_t failures = 0;  // requests answered out_of_memory

  // What a request may still get.
  [[nodiscard]] base::PageCount available() const { return free + cached + zeroed; }
};

}  // namespace vm
