#include "page_tables.h"

namespace boot {
namespace {

constexpr unsigned index_bits = 9;

constexpr uint64_t span_of(unsigned level) {
  return page_size << (index_bits * (level - 1));
}

uint64_t* table_at(uint64_t physical) {
  return reinterpret_cast<uint64_t*>(physical);
}

}  // namespace

bool PageTables::map_up_to(uint64_t virtual_base, uint64_t physical, uint64_t size, Rights rights,
                           unsigned largest) {
  while (size > 0) {
    unsigned level = largest;
    while (level > 1 &&
           (((virtual_base | physical) & (span_of(level) - 1)) != 0 || size < span_of(level))) {
      --level;
    }
    uint64_t* entry = entry_for(virtual_base, level);
    if (entry == nullptr || *entry != 0) return false;
    *entry = format_.leaf(physical, level, rights);
    virtual_base += span_of(level);
    physical += span_of(level);
    size -= span_of(level);
  }
  return true;
}

// The entry at `leaf_level` for the address, making tables on the way; null without memory or
// where a larger page is in the way.
uint64_t* PageTables::entry_for(uint64_t virtual_address, unsigned leaf_level) {
  if (root_ == 0) {
    root_ = pool_.take(pool_.context);
    if (root_ == 0) return nullptr;
  }
  uint64_t table = root_;
  for (unsigned level = levels_;; --level) {
    const uint64_t index = (virtual_address / span_of(level)) % format_.entries_at(level);
    uint64_t* entry = table_at(table) + index;
    if (level == leaf_level) return entry;
    if (*entry == 0) {
      const uint64_t next = pool_.take(pool_.context);
      if (next == 0) return nullptr;
      *entry = format_.table(next);
    }
    if (!format_.is_table(*entry)) return nullptr;
    table = format_.table_address(*entry);
  }
}

}  // namespace boot
