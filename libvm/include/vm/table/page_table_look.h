// PageTable, looking: lookup, visit, harvest, check, dump.
#pragma once

#include "vm/table/page_table_move.h"

namespace vm {

template <Machine M>
Found PageTable<M>::lookup(base::Vpn page) {
  Place place{root_, system_.features().levels};
  base::Access limit = unlimited;
  while (true) {
    const Entry entry = decode(load(place.table, page, place.level), place.level);
    if (entry.kind != EntryKind::table) {
      return {entry, place.level, entry_pages(page, place.level).first(), limit};
    }
    limit = limit.intersect(entry.access);
    place = {entry.frame, place.level - 1};
  }
}

template <Machine M>
template <class Visit>
void PageTable<M>::visit_in(Place place, base::Access limit, base::VpnRange range, Visit&& visit) {
  uint32_t left = record(place.table).resident();
  for (base::Vpn page = range.first(); page < range.end() && left != 0;) {
    const base::VpnRange pages = entry_pages(page, place.level);
    const uint64_t word = load(place.table, page, place.level);
    const base::VpnRange part = pages.intersect(range);
    if (word != 0) {
      const Entry entry = decode(word, place.level);
      if (entry.kind == EntryKind::table) {
        visit_in({entry.frame, place.level - 1}, limit.intersect(entry.access), part, visit);
      } else {
        visit(place.table, Found{entry, place.level, pages.first(), limit});
      }
    }
    page = part.end();
  }
}

template <Machine M>
template <class Visit>
void PageTable<M>::visit(base::VpnRange range, Visit&& visit) {
  visit_in({root_, system_.features().levels}, unlimited, range,
           [&](base::Pfn, const Found& found) { visit(found); });
}

template <Machine M>
RangeContent PageTable<M>::content(base::VpnRange range) {
  typename Epochs<typename M::Host>::Section section(system_.epochs());
  const auto walk = [&](base::Vpn page, uint64_t& word) {
    Place place{root_, system_.features().levels};
    word = load(place.table, page, place.level);
    while (word != 0 && place.level != 1 && kind(word, place.level) == EntryKind::table) {
      place = {frame(word, place.level), place.level - 1};
      word = load(place.table, page, place.level);
    }
    return place;
  };
  RangeContent result = RangeContent::nothing;
  base::Vpn page = range.first();
  for (unsigned looks = 0; looks < 8; ++looks) {
    uint64_t word = 0;
    const Place place = walk(page, word);
    if (word != 0) return RangeContent::entries;
    // Whoever holds the table's lock may have taken an entry out for a moment (break before make),
    // or be about to put one in. And a table that a fault has just replaced by a copy may be
    // another space's by now. If it is not locked, still ours, and the entry still absent, it is
    // so.
    base::fence<base::Order::sequential>();
    if (record(place.table).is_locked()) return RangeContent::entries;
    const Place again = walk(page, word);
    if (word != 0 || again.table != place.table) return RangeContent::entries;
    if (place.level == 1) result = RangeContent::tables;
    page = entry_pages(page, place.level).end();
    if (page >= range.end()) return result;
  }
  return RangeContent::entries;
}

template <Machine M>
base::PageCount PageTable<M>::resident(base::VpnRange range) {
  base::PageCount sum(0);
  visit(range, [&](const Found& found) {
    if (found.entry.kind != EntryKind::leaf) return;
    sum += base::VpnRange::of(found.first, entry_span(found.level)).intersect(range).count();
  });
  return sum;
}

template <Machine M>
RangeUse PageTable<M>::use(base::VpnRange range) {
  RangeUse use;
  use_in({root_, system_.features().levels}, false, range, use);
  return use;
}

template <Machine M>
void PageTable<M>::use_in(Place place, bool is_shared, base::VpnRange range, RangeUse& use) {
  uint32_t left = record(place.table).resident();
  for (base::Vpn page = range.first(); page < range.end() && left != 0;) {
    const base::VpnRange part = entry_pages(page, place.level).intersect(range);
    const uint64_t word = load(place.table, page, place.level);
    page = part.end();
    if (word == 0) continue;
    const Entry entry = decode(word, place.level);
    if (entry.kind == EntryKind::table) {
      const bool shared = is_shared || record(entry.frame).references() > 1;
      use.tables += 1;
      use.tables_shared += shared ? 1 : 0;
      use_in({entry.frame, place.level - 1}, shared, part, use);
    } else if (entry.kind == EntryKind::software) {
      use.swapped += part.count();
    } else {
      const FrameRecord* frame = system_.counted(entry.frame);
      const uint64_t own = frame != nullptr && frame->state() == FrameState::object_page ? 2 : 1;
      use.resident += part.count();
      if (is_shared || frame == nullptr || frame->references() > own) use.shared += part.count();
    }
  }
}

template <Machine M>
template <class Visit>
void PageTable<M>::harvest(base::VpnRange range, Harvest what, Batch& batch, Visit&& visit) {
  const Features& features = system_.features();
  visit_in({root_, features.levels}, unlimited, range, [&](base::Pfn table, Found found) {
    uint64_t* at = slot(table, found.first, found.level);
    uint64_t word = system_.mmu().load(at);
    while (what != Harvest::look && kind(word, found.level) == EntryKind::leaf) {
      const uint64_t next = what == Harvest::clear_dirty
                                ? Format::mark_clean(word, found.level, features)
                                : Format::mark_old(word, found.level, features);
      const uint64_t seen = next == word ? word : system_.mmu().compare_exchange(at, word, next);
      if (seen == word) {
        if (next != word && what == Harvest::clear_dirty) {
          batch.forget(entry_pages(found.first, found.level), Invalidate::leaf);
        }
        break;
      }
      word = seen;
    }
    found.entry = decode(word, found.level);
    visit(found);
  });
}

template <Machine M>
void PageTable<M>::check() {
  BASE_CHECK(created_, "check of a PageTable that was not created");
  BASE_CHECK(record(root_).references() == 1, "root table is shared");
  BASE_CHECK(record(root_).level() == system_.features().levels, "root level is wrong");
  check_in({root_, system_.features().levels}, unlimited, true);
}

// `is_private`: every entry on the path is open.
template <Machine M>
void PageTable<M>::check_in(Place place, base::Access limit, bool is_private) {
  FrameRecord& table = record(place.table);
  BASE_CHECK(table.is_table(), "table whose record is not a table's");
  BASE_CHECK(table.level() == place.level, "table at the wrong level");
  BASE_CHECK(!table.is_retired(), "retired table is reachable");
  BASE_CHECK(!table.is_locked(), "table is locked while nothing runs");
  BASE_CHECK(table.references() >= 1, "reachable table has no references");
  BASE_CHECK(!is_private || table.references() == 1, "shared table below open entries");
  const unsigned count = place.level == system_.features().levels
                             ? Format::user_root_entries(system_.features())
                             : entries_per_table;
  uint32_t resident = 0;
  uint32_t pins = 0;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t word = system_.mmu().load(&system_.words(place.table)[i]);
    if (word == 0) continue;
    ++resident;
    const Entry entry = decode(word, place.level);
    if (entry.kind == EntryKind::table) {
      BASE_CHECK(place.level > 1, "table below level 1");
      const bool open = entry.access.can_write();
      const FrameRecord& child = record(entry.frame);
      if (child.table_pins() != 0) {
        ++pins;
        BASE_CHECK(open, "table with pins below a closed entry");
      }
      check_in({entry.frame, place.level - 1}, limit.intersect(entry.access), is_private && open);
    } else if (entry.kind == EntryKind::leaf) {
      BASE_CHECK(Format::leaf_allowed(place.level, system_.features()), "leaf at a wrong level");
      BASE_CHECK(base::is_aligned(entry.frame.raw(), entry_span(place.level).raw()),
                 "leaf of a misaligned frame");
      if (has_flag(entry, LeafFlag::pinned)) ++pins;
      const FrameRecord* page = system_.counted(entry.frame);
      if (page == nullptr) {
        BASE_CHECK(has_flag(entry, LeafFlag::shared) || !entry.access.can_write() ||
                       entry.memory_type != base::MemoryType::write_back,
                   "private leaf can write a frame that is not counted");
        continue;
      }
      BASE_CHECK(page->references() >= 1, "leaf of a free frame");
      BASE_CHECK(page->state() != FrameState::free && page->state() != FrameState::cached &&
                     page->state() != FrameState::table,
                 "leaf of a frame that is no page");
      const bool writes = is_private && limit.can_write() && entry.access.can_write();
      BASE_CHECK(!writes || page->is_exclusive() || page->state() == FrameState::object_page ||
                     page->state() == FrameState::borrowed,
                 "shared private page can be written");
    }
  }
  BASE_CHECK(resident == table.resident(), "resident count of a table is wrong");
  BASE_CHECK(pins == table.table_pins(), "pin count of a table is wrong");
}

template <Machine M>
template <class Print>
void PageTable<M>::dump(Print&& print) {
  dump_in({root_, system_.features().levels}, unlimited, base::Vpn(0), print);
}

template <Machine M>
template <class Print>
void PageTable<M>::dump_in(Place place, base::Access limit, base::Vpn first, Print&& print) {
  const unsigned count = place.level == system_.features().levels
                             ? Format::user_root_entries(system_.features())
                             : entries_per_table;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t word = system_.mmu().load(&system_.words(place.table)[i]);
    if (word == 0) continue;
    const Entry entry = decode(word, place.level);
    const base::Vpn page(first.raw() + i * entry_span(place.level).raw());
    print(Found{entry, place.level, page, limit});
    if (entry.kind == EntryKind::table) {
      dump_in({entry.frame, place.level - 1}, limit.intersect(entry.access), page, print);
    }
  }
}

}  // namespace vm
