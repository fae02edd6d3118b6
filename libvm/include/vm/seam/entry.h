// Entry: one page-table entry, decoded. What every architecture can say, and nothing else.
//
// Levels count from 1: an entry at level 1 maps 4 KiB, at 2 maps 2 MiB or names a level-1 table, at
// 3 maps 1 GiB or names a level-2 table, up to Features::levels, the root. A table has 512 entries
// of 8 bytes. The zero word is an absent entry everywhere.
#pragma once

#include <stdint.h>

#include "base/access.h"
#include "base/address.h"

namespace vm {

inline constexpr unsigned entries_per_table = 512;
inline constexpr unsigned entries_per_row = 8;  // a cache line
inline constexpr unsigned index_bits = 9;
inline constexpr unsigned max_levels = 5;

// Pages that one entry at `level` spans: 1, 512, 512^2 ...
constexpr base::PageCount entry_span(unsigned level) {
  return base::PageCount(1ULL << (index_bits * (level - 1)));
}
// Which entry of a table at `level` translates `page`.
constexpr unsigned entry_index(base::Vpn page, unsigned level) {
  return unsigned(page.raw() >> (index_bits * (level - 1))) % entries_per_table;
}

enum class EntryKind : uint8_t {
  absent,    // nothing; every access faults
  software,  // nothing for the CPU; `payload` is ours (a swap slot and its kind)
  leaf,      // a page. Without read, write and execute it faults but keeps its frame (PROT_NONE)
  table,     // the next table; `access` limits everything below it
};

struct Entry {
  EntryKind kind = EntryKind::absent;
  base::Access access;
  base::MemoryType memory_type = base::MemoryType::write_back;  // leaf
  uint8_t software = 0;                                         // leaf, table: 3 bits of ours
  uint8_t protection_key = 0;                                   // leaf: protection_key_bits
  bool accessed = false;                                        // leaf
  bool dirty = false;                                           // leaf
  bool global = false;                                          // leaf: in every address space
  base::Pfn frame;                                              // leaf: its first frame; table
  uint64_t payload = 0;                                         // software: payload_bits wide

  // `access` as MmuFormat::granted returns it.
  static constexpr Entry leaf_of(base::Pfn first_frame, base::Access rights) {
    Entry entry;
    entry.kind = EntryKind::leaf;
    entry.access = rights;
    entry.frame = first_frame;
    return entry;
  }
  static constexpr Entry table_of(base::Pfn table, base::Access limit) {
    Entry entry = leaf_of(table, limit);
    entry.kind = EntryKind::table;
    return entry;
  }
  static constexpr Entry software_of(uint64_t payload) {
    Entry entry;
    entry.kind = EntryKind::software;
    entry.payload = payload;
    return entry;
  }

  friend constexpr bool operator==(const Entry& a, const Entry& b) = default;
};

// The limit of a table entry that limits nothing.
inline constexpr base::Access unlimited =
    base::Right::read | base::Right::write | base::Right::execute | base::Right::user;

// How a live entry may be replaced by another.
enum class Transition : uint8_t {
  plain,              // one store
  break_before_make,  // store absent, invalidate everywhere, then store the new entry
};

}  // namespace vm
