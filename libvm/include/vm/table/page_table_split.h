// PageTable, sizes: larger leaves into smaller ones and back.
#pragma once

#include "vm/table/page_table_path.h"

namespace vm {

// Counts for 512 leaves instead of one. Error::limit_exceeded: unchanged.
template <Machine M>
base::Status PageTable<M>::count_split(base::Pfn first, unsigned level) {
  FrameRecord* block = system_.counted(first);
  if (block == nullptr) return {};
  const bool whole =
      system_.records().head_of(first) == first && block->order() == index_bits * (level - 1);
  if (block->is_exclusive() && whole) {
    system_.frames().split(first, index_bits * (level - 2));
    return {};
  }
  return block->add_references(entries_per_table - 1);
}

// Replaces the leaf for `page` in `table` (private, locked by nobody) by a table made of `spare`.
// The leaf has been counted for. The entry is absent for a moment on every architecture, so that
// accessed and dirty bits are complete.
template <Machine M>
base::Status PageTable<M>::split_leaf(Place place, base::Vpn page, base::Pfn spare, bool& used,
                                      Batch& batch) {
  used = false;
  uint64_t* at = slot(place.table, page, place.level);
  FrameRecord& locked = record(place.table);
  TableGuard guard(locked, system_.host());
  if (locked.is_retired()) return {};
  uint64_t word = system_.mmu().load(at);
  if (kind(word, place.level) != EntryKind::leaf) return {};
  BASE_TRY(count_split(frame(word, place.level), place.level));
  word = system_.mmu().exchange(at, 0);

  Entry leaf = decode(word, place.level);
  const unsigned below = place.level - 1;
  uint64_t* words = system_.words(spare);
  for (unsigned i = 0; i < entries_per_table; ++i) {
    words[i] = encode(leaf, below);
    leaf.frame += entry_span(below);
  }
  FrameRecord& table = record(spare);
  table.become_table(below);
  {
    TableGuard table_guard(table, system_.host());
    table.add_resident(entries_per_table);
  }
  const uint64_t next = open_word(spare, place.level);
  const base::VpnRange span = entry_pages(page, place.level);
  batch.forget(span, Invalidate::leaf);
  // An executable leaf must not be remembered in two sizes (ITLB multihit).
  if (leaf.access.can_execute() ||
      Format::transition(word, next, place.level, system_.features()) ==
          Transition::break_before_make) {
    batch.flush();
  }
  system_.mmu().store(at, next);
  system_.mmu().publish();
  used = true;
  return {};
}

template <Machine M>
base::Status PageTable<M>::split_at(Place place, base::Vpn page, Batch& batch, Spare& spare) {
  BASE_TRY(spare.ensure());
  bool used = false;
  const base::Status status = split_leaf(place, page, spare.frame(), used, batch);
  if (used) spare.take();
  return status;
}

template <Machine M>
base::Status PageTable<M>::split(base::Vpn page, Batch& batch) {
  Spare spare(system_);
  const Found found = lookup(page);
  if (found.entry.kind != EntryKind::leaf || found.level == 1) return {};
  BASE_TRY(open_path(page, found.level, batch, spare));
  const Place place = descend(page, found.level);
  if (place.level != found.level ||
      kind(load(place.table, page, place.level), place.level) != EntryKind::leaf) {
    return {};
  }
  return split_at(place, page, batch, spare);
}

template <Machine M>
base::Status PageTable<M>::collapse(base::Vpn page, base::Pfn block, Batch& batch) {
  BASE_TRY(open_path(page, 1, batch));
  const Place place = descend(page, 2);
  if (place.level != 2) return base::Error::busy;
  uint64_t* at = slot(place.table, page, 2);
  base::Pfn small;
  {
    FrameRecord& locked = record(place.table);
    TableGuard guard(locked, system_.host());
    const uint64_t word = system_.mmu().load(at);
    if (!is_open(word, 2)) return base::Error::busy;
    small = frame(word, 2);
    FrameRecord& locked_small = record(small);
    TableGuard small_guard(locked_small, system_.host());
    if (!can_collapse(small)) return base::Error::busy;
    locked_small.retire();
    system_.mmu().exchange(at, 0);
    batch.forget(entry_pages(page, 2), Invalidate::walk);
    batch.flush();
    // Nobody reads or writes the pages now.
    const uint64_t* words = system_.words(small);
    Entry leaf = decode(words[0], 1);
    char* target = static_cast<char*>(system_.host().window(block));
    for (unsigned i = 0; i < entries_per_table; ++i) {
      const Entry part = decode(words[i], 1);
      leaf.accessed |= part.accessed;
      leaf.dirty |= part.dirty;
      __builtin_memcpy(target + i * base::page_size, system_.host().window(part.frame),
                       base::page_size);
    }
    leaf.frame = block;
    record(block).set_state(FrameState::private_page);
    system_.mmu().store(at, encode(leaf, 2));
    system_.mmu().publish();
  }
  batch.retire_table(small);
  return {};
}

// The lock of the level-1 table is held.
template <Machine M>
bool PageTable<M>::can_collapse(base::Pfn table) {
  if (record(table).resident() != entries_per_table || record(table).table_pins() != 0) {
    return false;
  }
  uint64_t* words = system_.words(table);
  Entry first;
  for (unsigned i = 0; i < entries_per_table; ++i) {
    Entry entry = decode(system_.mmu().load(&words[i]), 1);
    if (entry.kind != EntryKind::leaf || entry.software != 0) return false;
    const FrameRecord* page = system_.counted(entry.frame);
    if (page == nullptr || !page->is_exclusive() || page->is_pinned() ||
        page->state() != FrameState::private_page) {
      return false;
    }
    entry.accessed = entry.dirty = false;
    entry.frame = base::Pfn(0);
    if (i == 0) first = entry;
    if (entry != first) return false;
  }
  return true;
}

}  // namespace vm
