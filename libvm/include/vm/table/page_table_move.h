// PageTable, moving entries and whole tables from one place of the space to another.
#pragma once

#include "vm/table/page_table_clone.h"

namespace vm {

// Calls step(place, page, target) for the highest entries that are there and can move as one:
// place is where the entry for `page` is, target the page it goes to. Stops at an error.
template <Machine M>
template <class Step>
base::Status PageTable<M>::for_each_moved(base::VpnRange from, base::Vpn to, Step&& step) {
  base::Vpn page = from.first();
  while (page < from.end()) {
    const base::Vpn target = to + (page - from.first());
    unsigned level = 1;
    const auto movable = [&](unsigned at) {
      const uint64_t span = entry_span(at).raw();
      return at < system_.features().levels && base::is_aligned(page.raw(), span) &&
             base::is_aligned(target.raw(), span) && (from.end() - page).raw() >= span;
    };
    while (movable(level + 1)) ++level;
    Place place{root_, system_.features().levels};
    uint64_t word = load(place.table, page, place.level);
    while (place.level > level && kind(word, place.level) == EntryKind::table) {
      BASE_CHECK(is_open(word, place.level), "range was not prepared");
      place = {frame(word, place.level), place.level - 1};
      word = load(place.table, page, place.level);
    }
    if (word != 0) {
      BASE_CHECK(place.level == level, "larger leaf in the way of a move");
      BASE_TRY(step(place, page, target));
    }
    page = base::min(entry_pages(page, place.level).end(), from.end());
  }
  return {};
}

// Counts the tables that entries arriving in `target` need once it is empty: those that lie wholly
// inside it are removed with what was there, those at its edges stay if they are there now.
template <Machine M>
class PageTable<M>::Arrival {
 public:
  Arrival(PageTable& tree, base::VpnRange target, EdgeTables edges)
      : tree_(tree), target_(target), edges_(edges) {}

  // An entry at `level` for `page`; pages ascend.
  void count(base::Vpn page, unsigned level) {
    for (; level < tree_.system_.features().levels; ++level) {
      const base::VpnRange table = tree_.entry_pages(page, level + 1);
      if (any_ && table.contains(last_)) break;  // counted, and those above it
      if (edges_ == EdgeTables::may_go || target_.contains(table) ||
          tree_.descend(page, level).level != level) {
        needed_ += base::PageCount(1);
      }
    }
    any_ = true;
    last_ = page;
  }
  [[nodiscard]] base::PageCount needed() const { return needed_; }

 private:
  PageTable& tree_;
  base::VpnRange target_;
  EdgeTables edges_;
  base::PageCount needed_;
  base::Vpn last_;
  bool any_ = false;
};

template <Machine M>
base::Result<typename PageTable<M>::Arrival> PageTable<M>::prepare_arrival(base::VpnRange target,
                                                                           EdgeTables edges,
                                                                           Batch& batch) {
  if (!target.empty()) {
    BASE_TRY(prepare_edge(target, target.first(), batch));
    BASE_TRY(prepare_edge(target, target.last(), batch));
  }
  return Arrival(*this, target, edges);
}

template <Machine M>
void PageTable<M>::build_path(base::Vpn page, unsigned level, Reserve& tables, Batch& batch) {
  if (descend(page, level).level == level) return;
  Spare spare(system_, tables);
  open_path(page, level, batch, spare).expect("the path of a moved entry was not prepared");
}

template <Machine M>
base::Result<typename PageTable<M>::Reserve> PageTable<M>::prepare_move(base::VpnRange from,
                                                                        base::VpnRange target,
                                                                        Batch& batch) {
  const base::Vpn to = target.first();
  // Larger leaves that cannot move as they are become smaller ones.
  const uint64_t offset = from.first().raw() ^ to.raw();
  for (unsigned level = system_.features().levels; level > 1; --level) {
    if (!base::is_aligned(offset, entry_span(level).raw())) {
      BASE_TRY(split_larger({root_, system_.features().levels}, from, level, batch));
    }
  }
  BASE_TRY_ASSIGN(Arrival arrival, prepare_arrival(target, EdgeTables::stay, batch));
  BASE_TRY(for_each_moved(from, to, [&](Place place, base::Vpn, base::Vpn page) {
    arrival.count(page, place.level);
    return base::Status();
  }));
  return Reserve::of(system_.frames(), arrival.needed());
}

// Splits every leaf at `level` in the range.
template <Machine M>
base::Status PageTable<M>::split_larger(Place place, base::VpnRange range, unsigned level,
                                        Batch& batch) {
  Spare spare(system_);
  for (base::Vpn page = range.first(); page < range.end();) {
    const base::VpnRange part = entry_pages(page, place.level).intersect(range);
    const uint64_t word = load(place.table, page, place.level);
    if (place.level > level && kind(word, place.level) == EntryKind::table) {
      BASE_TRY(split_larger({frame(word, place.level), place.level - 1}, part, level, batch));
    } else if (place.level == level && kind(word, level) == EntryKind::leaf) {
      BASE_TRY(split_at(place, page, batch, spare));
    }
    page = part.end();
  }
  return {};
}

template <Machine M>
void PageTable<M>::move(base::VpnRange from, base::Vpn to, Reserve& tables, Batch& batch) {
  const base::Status status =
      for_each_moved(from, to, [&](Place place, base::Vpn page, base::Vpn target) -> base::Status {
        uint64_t word;
        {
          FrameRecord& locked = record(place.table);
          TableGuard guard(locked, system_.host());
          word = system_.mmu().exchange(slot(place.table, page, place.level), 0);
          locked.remove_resident();
        }
        const EntryKind what = kind(word, place.level);
        const bool pinned = is_pinned(word, place.level);
        batch.forget(entry_pages(page, place.level),
                     what == EntryKind::table ? Invalidate::walk : Invalidate::leaf);
        if (pinned) count_pins(page, place.level, PinChange::remove);
        put_word(target, place.level, word, tables, batch);
        if (pinned) count_pins(target, place.level, PinChange::add);
        return {};
      });
  status.expect("move cannot fail");
}

// Stores an entry whose reference the caller hands over at a place that is absent, or has tables
// left over that are empty.
template <Machine M>
void PageTable<M>::put_word(base::Vpn page, unsigned level, uint64_t word, Reserve& tables,
                            Batch& batch) {
  build_path(page, level, tables, batch);
  const Place place = descend(page, level);
  BASE_CHECK(place.level == level, "larger leaf at the target of a move");
  if (load(place.table, page, level) != 0) {
    const unsigned index = entry_index(page, level);
    (void)remove_entries(place, page, index, index + 1, batch);
    batch.flush();
  }
  FrameRecord& locked = record(place.table);
  TableGuard guard(locked, system_.host());
  system_.mmu().store(slot(place.table, page, level), word);
  locked.add_resident();
  system_.mmu().publish();
}

template <Machine M>
Entry PageTable<M>::take(base::Vpn page, Batch& batch) {
  const Place place = descend(page, 1);
  BASE_CHECK(place.level == 1, "the path to a page was not prepared");
  Entry entry;
  {
    FrameRecord& locked = record(place.table);
    TableGuard guard(locked, system_.host());
    LockedTable<M> table(system_, place.table, locked, 1, page);
    entry = table.take(page, batch);
  }
  if (entry.kind == EntryKind::leaf && has_flag(entry, LeafFlag::pinned)) {
    count_pins(page, 1, PinChange::remove);
  }
  return entry;
}

template <Machine M>
void PageTable<M>::put(base::Vpn page, const Entry& entry, Reserve& tables, Batch& batch) {
  build_path(page, 1, tables, batch);
  const Place place = descend(page, 1);
  BASE_CHECK(place.level == 1, "larger leaf where an entry arrives");
  {
    FrameRecord& locked = record(place.table);
    TableGuard guard(locked, system_.host());
    LockedTable<M> table(system_, place.table, locked, 1, page);
    table.install(page, entry);
    table.publish();
  }
  if (entry.kind == EntryKind::leaf && has_flag(entry, LeafFlag::pinned)) {
    count_pins(page, 1, PinChange::add);
  }
}

}  // namespace vm
