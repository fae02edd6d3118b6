// PageTable, life: create, destroy, clone, pins.
#pragma once

#include "vm/table/page_table_protect.h"

namespace vm {

template <Machine M>
base::Status PageTable<M>::create() {
  BASE_CHECK(!created_, "PageTable created twice");
  BASE_TRY_ASSIGN(root_, system_.frames().allocate(Contents::zero));
  system_.host().prepare_root(system_.words(root_));
  record(root_).become_table(system_.features().levels);
  created_ = true;
  return {};
}

template <Machine M>
void PageTable<M>::destroy() {
  BASE_CHECK(created_, "PageTable destroyed without having been created");
  BASE_CHECK(context_.active().empty(), "PageTable destroyed while a CPU runs it");
  drop_root_entries();
  BASE_CHECK(record(root_).drop_references() == 0, "root table is shared");
  system_.retire_table(root_);
  (void)system_.epochs().poll();
  context_.renew();
  created_ = false;
}

// No CPU remembers anything of the space.
template <Machine M>
void PageTable<M>::drop_root_entries() {
  FrameRecord& root = record(root_);
  uint32_t resident;
  {
    TableGuard guard(root, system_.host());
    resident = root.resident();
    root.remove_resident(resident);
  }
  drop_entries(system_, root_, system_.features().levels, resident);
}

template <Machine M>
base::Status PageTable<M>::clone_to(PageTable& child, Batch& batch) {
  const unsigned level = system_.features().levels;
  uint64_t* words = system_.words(root_);
  uint64_t* copies = system_.words(child.root_);
  base::Status status;
  {
    const FrameRecord& root = record(root_);
    FrameRecord& locked_child = record(child.root_);
    TableGuard child_guard(locked_child, system_.host());
    BASE_CHECK(locked_child.resident() == 0, "clone into a table that is not empty");
    uint32_t left = root.resident();
    for (unsigned i = 0; left != 0; ++i, --left) {
      i = system_.next_present(words, i);
      base::Result<uint64_t> copy = copy_pinned_entry(&words[i], level);
      if (!copy.ok()) {
        status = copy.error();
        break;
      }
      copies[i] = copy.value();
      locked_child.add_resident();
    }
  }
  // What was writable is closed now.
  batch.forget_everything();
  if (!status.ok()) {
    child.drop_root_entries();
    __builtin_memset(copies, 0, Format::user_root_entries(system_.features()) * sizeof(uint64_t));
  }
  return status;
}

// The copy of one entry, counted; the original loses the write right unless it leads to pins: then
// the copy is made of new tables and pages as far as the pins reach. Nobody else changes the
// tables.
template <Machine M>
base::Result<uint64_t> PageTable<M>::copy_pinned_entry(uint64_t* at, unsigned level) {
  const uint64_t word = system_.mmu().load(at);
  if (kind(word, level) == EntryKind::table && record(frame(word, level)).table_pins() != 0) {
    BASE_TRY_ASSIGN(const base::Pfn copy, copy_pinned(frame(word, level), level - 1));
    return open_word(copy, level);
  }
  if (kind(word, level) == EntryKind::leaf && has_flag(decode(word, level), LeafFlag::pinned)) {
    BASE_TRY_ASSIGN(const base::Pfn page, system_.frames().allocate(Contents::unknown));
    Entry leaf = decode(word, level);
    __builtin_memcpy(system_.host().window(page), system_.host().window(leaf.frame),
                     base::page_size);
    record(page).set_state(FrameState::private_page);
    leaf.frame = page;
    leaf.software &= uint8_t(~uint8_t(LeafFlag::pinned));
    return encode(leaf, level);
  }
  BASE_TRY(count_copy(word, level));
  return protect_original(at, word, level);
}

// A copy of a private table with pins. Error: nothing is left of it.
template <Machine M>
base::Result<base::Pfn> PageTable<M>::copy_pinned(base::Pfn from, unsigned level) {
  BASE_TRY_ASSIGN(const base::Pfn to, system_.frames().allocate(Contents::zero));
  uint64_t* source = system_.words(from);
  uint64_t* target = system_.words(to);
  record(to).become_table(level);
  base::Status status;
  {
    FrameRecord& locked_copy = record(to);
    TableGuard copy_guard(locked_copy, system_.host());
    uint32_t left = record(from).resident();
    for (unsigned i = 0; left != 0; ++i, --left) {
      i = system_.next_present(source, i);
      base::Result<uint64_t> copy = copy_pinned_entry(&source[i], level);
      if (!copy.ok()) {
        status = copy.error();
        break;
      }
      target[i] = copy.value();
      locked_copy.add_resident();
    }
  }
  if (!status.ok()) {
    drop_subtree(system_, to);
    return status.error();
  }
  return to;
}

template <Machine M>
base::Status PageTable<M>::pin(base::Vpn page, Batch& batch) {
  BASE_TRY(split(page, batch));
  BASE_TRY(split(page, batch));  // 1 GiB to 2 MiB to 4 KiB
  BASE_TRY(with_private_table(page, 1, batch, [&](LockedTable<M>& table) -> base::Status {
    const Entry leaf = table.level() == 1 ? table.get(page) : Entry();
    if (leaf.kind != EntryKind::leaf || has_flag(leaf, LeafFlag::pinned)) {
      return leaf.kind == EntryKind::leaf ? base::Error::already_exists : base::Error::not_found;
    }
    const FrameRecord* frame_record = system_.counted(leaf.frame);
    if (frame_record == nullptr || !frame_record->is_exclusive() ||
        frame_record->state() != FrameState::private_page) {
      return base::Error::busy;
    }
    table.change(page, batch, [](Entry entry) {
      entry.software |= uint8_t(LeafFlag::pinned);
      return entry;
    });
    return {};
  }));
  count_pins(page, 1, PinChange::add);
  return {};
}

template <Machine M>
void PageTable<M>::unpin(base::Vpn page, Batch& batch) {
  base::Status status =
      with_private_table(page, 1, batch, [&](LockedTable<M>& table) -> base::Status {
        BASE_CHECK(table.level() == 1 && has_flag(table.get(page), LeafFlag::pinned),
                   "unpin of a page that is not pinned");
        table.change(page, batch, [](Entry entry) {
          entry.software &= uint8_t(~uint8_t(LeafFlag::pinned));
          return entry;
        });
        return {};
      });
  status.expect("path to a pinned page is private");
  count_pins(page, 1, PinChange::remove);
}

// One pinned entry more or less in the table at `level` on the open path to `page`, and in those
// above as far as that makes a difference. Pins change by writers alone.
template <Machine M>
void PageTable<M>::count_pins(base::Vpn page, unsigned level, PinChange change) {
  for (; level <= system_.features().levels; ++level) {
    const Place place = descend(page, level);
    BASE_CHECK(place.level == level, "pins of a table that is not there");
    FrameRecord& table = record(place.table);
    TableGuard guard(table, system_.host());
    if (change == PinChange::add) {
      table.add_table_pin().expect("a table has at most 512 pins");
      if (table.table_pins() != 1) return;
    } else {
      table.remove_table_pin();
      if (table.table_pins() != 0) return;
    }
  }
}

}  // namespace vm
