// Dropping what entries refer to, once no CPU remembers it: leaves, and whole tables with all they
// lead to. A table that others still name costs one decrement, however much is below it.
//
// Locks taken: each dropped table's own, for a moment, so that whoever was about to fill it is done
// or sees that it is retired. Context: no table lock held.
#pragma once

#include "vm/system.h"

namespace vm {

// Gives back the reference that a leaf held; `is_dirty()` says what the hardware left.
template <Machine M, class IsDirty>
void drop_leaf(System<M>& system, base::Pfn frame, IsDirty&& is_dirty) {
  FrameRecord* record = system.counted(frame);
  if (record == nullptr) return;
  if (record->state() == FrameState::object_page && system.hooks().object_page_dropped != nullptr) {
    system.hooks().object_page_dropped(system.hooks().context, frame, is_dirty());
  }
  if (record->drop_references() == 0) system.frames().free(system.head_of(frame, *record));
}

template <Machine M>
void drop_subtree(System<M>& system, base::Pfn table);

// Gives back what an entry of a table that is gone refers to.
template <Machine M>
void drop_entry(System<M>& system, uint64_t word, unsigned level) {
  using Format = typename M::Format;
  const Features& features = system.features();
  switch (Format::kind(word, level, features)) {
    case EntryKind::leaf:
      drop_leaf(system, Format::frame(word, level, features),
                [&] { return Format::decode(word, level, features).dirty; });
      break;
    case EntryKind::table: drop_subtree(system, Format::frame(word, level, features)); break;
    case EntryKind::software:
      if (system.hooks().software_dropped != nullptr) {
        system.hooks().software_dropped(system.hooks().context,
                                        Format::decode(word, level, features).payload);
      }
      break;
    case EntryKind::absent: break;
  }
}

// Gives back what the entries of a table with no references left refer to.
template <Machine M>
void drop_entries(System<M>& system, base::Pfn table, unsigned level, uint32_t resident) {
  uint64_t* words = system.words(table);
  for (unsigned i = 0; resident != 0; ++i, --resident) {
    i = system.next_present(words, i);
    drop_entry(system, system.mmu().load(&words[i]), level);
  }
}

// Gives back one reference to a table; the last one drops all below and frees it. Depth: levels.
template <Machine M>
void drop_subtree(System<M>& system, base::Pfn table) {
  FrameRecord& record = system.records().of(table);
  if (record.drop_references() != 0) return;
  uint32_t resident;
  {
    TableGuard guard(record, system.host());
    record.retire();
    resident = record.resident();
  }
  drop_entries(system, table, record.level(), resident);
  system.retire_table(table);
}

}  // namespace vm
