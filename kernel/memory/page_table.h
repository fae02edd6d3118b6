// page_table.h: a minimal walker over the kernel's own tables; user memory is libvm's. Formats and
// effects come from cpu/page_format.h.
//
// Not locked: a tree belongs to whoever holds it. Tables are frames; the walker reads them through
// the direct map.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/result.h"
#include "cpu/page_format.h"

namespace kernel {

class PageTree {
 public:
  PageTree() = default;
  // `levels` 4 or 5; `root` is a table's frame.
  PageTree(base::Pfn root, unsigned levels) : root_(root), levels_(levels) {}

  [[nodiscard]] base::Pfn root() const { return root_; }
  [[nodiscard]] unsigned levels() const { return levels_; }

  // Enters a 4 KiB leaf where none is. Error::out_of_memory: no table was entered that would
  // change a translation (empty tables may remain). Panics if a leaf is there.
  [[nodiscard]] base::Status map(uint64_t address, base::Pfn frame, cpu::PageRights rights);

  // The entry of the 4 KiB leaf at `address`; nullptr when no table leads there.
  [[nodiscard]] uint64_t* find_leaf(uint64_t address) const;

  // The entry that ends the walk (of any size, 0 when absent) and its level.
  struct WalkEnd {
    uint64_t entry;
    unsigned level;
  };
  [[nodiscard]] WalkEnd walk(uint64_t address) const;

 private:
  static uint64_t* table(base::Pfn frame);

  base::Pfn root_;
  unsigned levels_ = 4;
};

}  // namespace kernel
