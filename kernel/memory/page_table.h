// page_table.h: a minimal walker over one tree of tables: enough for the kernel's own mappings and
// for single-owner user trees. Formats and effects come from cpu/page_format.h.
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

  // Calls visit(base::Pfn) for every 4 KiB leaf's frame below root entries [0, end), and frees
  // the tables (not the root).
  template <typename Visit>
  void dismantle(unsigned end, Visit visit) {
    dismantle_table(root_, levels_, end, visit);
  }

 private:
  static uint64_t* table(base::Pfn frame);
  static void free_table(base::Pfn frame);

  template <typename Visit>
  static void dismantle_table(base::Pfn frame, unsigned level, unsigned end, Visit visit) {
    uint64_t* entries = table(frame);
    for (unsigned i = 0; i < end; ++i) {
      const uint64_t entry = entries[i];
      if (!cpu::is_present(entry)) {
        continue;
      }
      const base::Pfn next = base::PhysAddr(cpu::entry_address(entry, level)).frame();
      if (cpu::is_leaf(entry, level)) {
        visit(next);
      } else {
        dismantle_table(next, level - 1, 512, visit);
        free_table(next);
      }
      entries[i] = 0;
    }
  }

  base::Pfn root_;
  unsigned levels_ = 4;
};

}  // namespace kernel
