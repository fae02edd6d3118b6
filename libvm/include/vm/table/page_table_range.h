// PageTable, what writers do to ranges: prepare, remove, trim.
#pragma once

#include "vm/table/page_table_split.h"

namespace vm {

template <Machine M>
base::Result<typename PageTable<M>::Reserve> PageTable<M>::prepare(base::VpnRange range,
                                                                   Prepare what, LargeLeaves large,
                                                                   Batch& batch) {
  BASE_DCHECK(Format::user_pages(system_.features()).contains(range), "pages outside the space");
  if (range.empty()) return Reserve();
  BASE_TRY(prepare_edge(range, range.first(), batch));
  if (range.last() != range.first()) BASE_TRY(prepare_edge(range, range.last(), batch));
  if (what == Prepare::present) {
    BASE_TRY(open_present({root_, system_.features().levels}, range, batch));
  }
  if (large == LargeLeaves::none) return Reserve();
  const uint64_t sizes = system_.features().gigabyte_leaves ? 2 : 1;
  return Reserve::of(system_.frames(), base::PageCount(2 * sizes));
}

// Follows the path to `page`, an edge of `range`, opening and splitting until an entry lies wholly
// inside the range or nothing is there.
template <Machine M>
base::Status PageTable<M>::prepare_edge(base::VpnRange range, base::Vpn page, Batch& batch) {
  Spare spare(system_);
  Place place{root_, system_.features().levels};
  while (!range.contains(entry_pages(page, place.level))) {
    const uint64_t word = load_settled(place, page);
    const EntryKind what = kind(word, place.level);
    if (what == EntryKind::absent || what == EntryKind::software) return {};
    if (what == EntryKind::leaf) {
      BASE_TRY(split_at(place, page, batch, spare));
    } else if (is_open(word, place.level)) {
      place = {frame(word, place.level), place.level - 1};
    } else {
      BASE_TRY(open(place, page, batch, spare));
    }
  }
  return {};
}

// Opens every table of the range that is there.
template <Machine M>
base::Status PageTable<M>::open_present(Place place, base::VpnRange range, Batch& batch) {
  if (place.level == 1) return {};
  Spare spare(system_);
  for (base::Vpn page = range.first(); page < range.end();) {
    const base::VpnRange part = entry_pages(page, place.level).intersect(range);
    uint64_t word = load_settled(place, page);
    while (kind(word, place.level) == EntryKind::table && !is_open(word, place.level)) {
      BASE_TRY(open(place, page, batch, spare));
      word = load_settled(place, page);
    }
    if (kind(word, place.level) == EntryKind::table) {
      BASE_TRY(open_present({frame(word, place.level), place.level - 1}, part, batch));
    }
    page = part.end();
  }
  return {};
}

// Calls whole(first, end) for the run of entries that lie inside the range, as indices, and
// partial(page, part) for the at most two that it cuts.
template <class Whole, class Partial>
void cut_by_entries(base::VpnRange range, unsigned level, Whole&& whole, Partial&& partial) {
  const uint64_t span = entry_span(level).raw();
  const uint64_t first = base::align_up(range.first().raw(), span);
  const uint64_t end = base::align_down(range.end().raw(), span);
  if (first > end) {
    partial(range);
    return;
  }
  if (range.first().raw() != first) partial(base::VpnRange(range.first(), base::Vpn(first)));
  if (first != end) {
    const unsigned index = entry_index(base::Vpn(first), level);
    whole(base::Vpn(first), index, index + unsigned((end - first) / span));
  }
  if (range.end().raw() != end) partial(base::VpnRange(base::Vpn(end), range.end()));
}

template <Machine M>
void PageTable<M>::remove(base::VpnRange range, Reserve& reserve, Batch& batch) {
  if (!range.empty()) (void)remove_in({root_, system_.features().levels}, range, reserve, batch);
}

template <Machine M>
typename PageTable<M>::Pins PageTable<M>::remove_in(Place place, base::VpnRange range,
                                                    Reserve& reserve, Batch& batch) {
  Pins pins = Pins::as_before;
  cut_by_entries(
      range, place.level,
      [&](base::Vpn first, unsigned index, unsigned end) {
        if (remove_entries(place, first, index, end, batch) == Pins::last_gone) {
          pins = Pins::last_gone;
        }
      },
      [&](base::VpnRange part) {
        const base::Optional<base::Pfn> child = cut_entry(place, part.first(), reserve, batch);
        if (!child ||
            remove_in({*child, place.level - 1}, part, reserve, batch) == Pins::as_before) {
          return;
        }
        FrameRecord& table = record(place.table);
        TableGuard guard(table, system_.host());
        if (uncount_pins(table, 1) == Pins::last_gone) pins = Pins::last_gone;
      });
  return pins;
}

template <Machine M>
typename PageTable<M>::Pins PageTable<M>::uncount_pins(FrameRecord& table, uint32_t count) {
  if (count == 0) return Pins::as_before;
  for (; count != 0; --count) table.remove_table_pin();
  return table.table_pins() == 0 ? Pins::last_gone : Pins::as_before;
}

// Does the entry count in the pins of its table?
template <Machine M>
bool PageTable<M>::is_pinned(uint64_t word, unsigned level) {
  const Entry entry = decode(word, level);
  if (entry.kind == EntryKind::table) return record(entry.frame).table_pins() != 0;
  return entry.kind == EntryKind::leaf && has_flag(entry, LeafFlag::pinned);
}

// The open table below an entry that a prepared range cuts; a larger leaf that has appeared there
// is split with the reserve. Nothing: nothing is there.
template <Machine M>
base::Optional<base::Pfn> PageTable<M>::cut_entry(Place place, base::Vpn page, Reserve& reserve,
                                                  Batch& batch) {
  while (true) {
    const uint64_t word = load_settled(place, page);
    switch (kind(word, place.level)) {
      case EntryKind::absent:
      case EntryKind::software: return base::nothing;
      case EntryKind::table:
        BASE_CHECK(is_open(word, place.level), "range was not prepared");
        return frame(word, place.level);
      case EntryKind::leaf: break;
    }
    bool used = false;
    const base::Pfn spare = reserve.take();
    // Such a leaf is a fresh one of this space's: nothing of it can be at its limit.
    split_leaf(place, page, spare, used, batch).expect("fresh leaf cannot be split");
    if (!used) system_.frames().free(spare);
  }
}

template <Machine M>
typename PageTable<M>::Pins PageTable<M>::remove_entries(Place place, base::Vpn first,
                                                         unsigned index, unsigned end,
                                                         Batch& batch) {
  FrameRecord& table = record(place.table);
  uint64_t* words = system_.words(place.table);
  TableGuard guard(table, system_.host());
  uint32_t left = table.resident();
  uint32_t removed = 0;
  uint32_t unpinned = 0;
  bool tables = false;
  const bool has_pins = table.table_pins() != 0;
  const uint64_t span = entry_span(place.level).raw();
  for (unsigned i = index; i < end && removed != left; ++i) {
    if (system_.mmu().load(&words[i]) == 0) continue;
    const uint64_t word = system_.mmu().exchange(&words[i], 0);
    ++removed;
    if (BASE_UNLIKELY(has_pins) && is_pinned(word, place.level)) ++unpinned;
    const base::VpnRange pages = base::VpnRange::of(
        base::Vpn(first.raw() + uint64_t(i - index) * span), base::PageCount(span));
    switch (kind(word, place.level)) {
      case EntryKind::leaf:
        batch.forget(pages, Invalidate::leaf);
        batch.retire_leaf(word, place.level);
        break;
      case EntryKind::table:
        tables = true;
        batch.forget(pages, Invalidate::walk);
        batch.retire_table(frame(word, place.level));
        break;
      case EntryKind::software:
        if (system_.hooks().software_dropped != nullptr) {
          system_.hooks().software_dropped(system_.hooks().context,
                                           decode(word, place.level).payload);
        }
        break;
      case EntryKind::absent: break;
    }
  }
  table.remove_resident(removed);
  if (tables) forget_tables(batch);
  return uncount_pins(table, unpinned);
}

// A fault that has found its mapping before it went makes its path again, and only then sees that
// the mapping is gone. Where an entry is broken before another is made (aarch64), the old one is
// forgotten before the lock of its table is let go.
template <Machine M>
void PageTable<M>::forget_tables(Batch& batch) {
  if constexpr (TlbDirectory<M>::broadcasts) batch.flush();
}

template <Machine M>
void PageTable<M>::trim(base::VpnRange range, base::VpnRange hole, Batch& batch) {
  if (!range.empty()) trim_in({root_, system_.features().levels}, range, hole, batch);
}

// Empty tables below the entries of `range`, a part of the hole.
template <Machine M>
void PageTable<M>::trim_in(Place place, base::VpnRange range, base::VpnRange hole, Batch& batch) {
  if (place.level == 1) return;
  for (base::Vpn page = range.first(); page < range.end();) {
    const base::VpnRange entry = entry_pages(page, place.level);
    const base::VpnRange part = entry.intersect(range);
    const uint64_t word = load(place.table, page, place.level);
    if (is_open(word, place.level)) {
      const base::Pfn child = frame(word, place.level);
      trim_in({child, place.level - 1}, part, hole, batch);
      if (hole.contains(entry) && record(child).resident() == 0) {
        detach_empty(place, page, child, batch);
      }
    }
    page = part.end();
  }
}

// A fault that is on its way here finds its mapping gone, or the table retired by drop_subtree().
template <Machine M>
void PageTable<M>::detach_empty(Place place, base::Vpn page, base::Pfn child, Batch& batch) {
  {
    FrameRecord& locked = record(place.table);
    TableGuard guard(locked, system_.host());
    FrameRecord& locked_child = record(child);
    TableGuard child_guard(locked_child, system_.host());
    if (locked_child.resident() != 0) return;
    system_.mmu().exchange(slot(place.table, page, place.level), 0);
    locked.remove_resident();
    batch.forget(base::VpnRange::single(page), Invalidate::walk);
    forget_tables(batch);
  }
  batch.retire_table(child);
}

}  // namespace vm
