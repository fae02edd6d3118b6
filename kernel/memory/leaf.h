// leaf.h: user leaves: rights, and pages kept while nothing may touch them.
//
// A page whose region allows no access is *parked*: its entry is not present to the processor but
// still names the frame (bit 0 is the present bit on every architecture).
#pragma once

#include "base/access.h"
#include "base/page_range.h"
#include "cpu/page_format.h"
#include "kernel/memory/page_table.h"

namespace kernel {

[[nodiscard]] constexpr cpu::PageRights user_rights(base::Access access) {
  return {access.can_write(), access.can_execute(), true, false};
}

[[nodiscard]] inline uint64_t make_user_leaf(base::Pfn frame, base::Access access) {
  const uint64_t physical = base::PhysAddr::of(frame).raw();
  if (!access.any(base::Right::read | base::Right::write | base::Right::execute)) {
    return physical;  // parked
  }
  return cpu::make_leaf(physical, 1, user_rights(access));
}

// The frame of a present or parked leaf.
[[nodiscard]] inline base::Pfn leaf_frame(uint64_t leaf) {
  return base::PhysAddr(cpu::entry_address(leaf, 1)).frame();
}

// Calls visit(uint64_t address, uint64_t& leaf) for every leaf in `pages` that names a frame.
// Skips what no table covers, 2 MiB at a time.
template <typename Visit>
void for_each_leaf(const PageTree& tree, base::VpnRange pages, Visit visit) {
  constexpr uint64_t table_span = base::page_size * 512;
  uint64_t at = base::UserAddr::of(pages.first()).raw();
  const uint64_t end = base::UserAddr::of(pages.end()).raw();
  while (at < end) {
    const uint64_t stop = base::min(end, base::align_down(at, table_span) + table_span);
    if (tree.find_leaf(at) == nullptr) {
      at = stop;
      continue;
    }
    for (; at < stop; at += base::page_size) {
      uint64_t* leaf = tree.find_leaf(at);
      if (*leaf != 0) {
        visit(at, *leaf);
      }
    }
  }
}

}  // namespace kernel
