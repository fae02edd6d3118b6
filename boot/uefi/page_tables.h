// PageTables: builds a translation tree from empty, largest pages first.
//
// Only ever adds: mapping an address twice is refused, so a tree cannot end up with a page whose
// rights somebody else changed. Tables are zeroed pages from a `TablePool`; the loader runs on an
// identity map, so a table's physical address is also where it is written.
//
// Pages are all 4 KiB granule; a level is numbered by what one of its entries spans:
// 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB, 4 = 512 GiB (tables only), 5 = 256 TiB (tables only).
#pragma once

#include "elf_image.h"
#include "table_format.h"

namespace boot {

// Supplies zeroed, page-aligned pages for tables; `take` answers 0 when there is no memory.
struct TablePool {
  void* context;
  uint64_t (*take)(void* context);
};

class PageTables {
 public:
  // `largest_leaf`: highest level that may map memory directly (2 or 3).
  PageTables(TablePool pool, TableFormat format, unsigned levels, unsigned largest_leaf)
      : pool_(pool), format_(format), levels_(levels), largest_leaf_(largest_leaf) {}

  // All three are page aligned; `largest_leaf` bounds this mapping's page size.
  // False: no memory, or something was already mapped there (the tree is then useless).
  [[nodiscard]] bool map(uint64_t virtual_base, uint64_t physical, uint64_t size, Rights rights) {
    return map_up_to(virtual_base, physical, size, rights, largest_leaf_);
  }
  [[nodiscard]] bool map_small(uint64_t virtual_base, uint64_t physical, uint64_t size,
                               Rights rights) {
    return map_up_to(virtual_base, physical, size, rights, 1);
  }

  uint64_t root() const { return root_; }

 private:
  bool map_up_to(uint64_t virtual_base, uint64_t physical, uint64_t size, Rights rights,
                 unsigned largest);
  uint64_t* entry_for(uint64_t virtual_address, unsigned leaf_level);

  TablePool pool_;
  TableFormat format_;
  unsigned levels_;
  unsigned largest_leaf_;
  uint64_t root_ = 0;
};

}  // namespace boot
