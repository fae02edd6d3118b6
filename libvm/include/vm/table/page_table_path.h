// PageTable, the way down: following, opening and copying the tables on the path to a page.
#pragma once

#include "vm/table/page_table.h"

namespace vm {

// A frame for a table, allocated before any lock is taken, or from what was reserved; given back if
// it was not needed.
template <Machine M>
class PageTable<M>::Spare {
 public:
  explicit Spare(System<M>& system) : system_(system) {}
  Spare(System<M>& system, Reserve& reserve) : system_(system), reserve_(&reserve) {}
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    if (!has_) return;
    if (zeroed_) {
      system_.frames().free_zeroed(frame_);
    } else {
      system_.frames().free(frame_);
    }
  }

  // `contents`: what is best for the use that comes first.
  [[nodiscard]] base::Status ensure(Contents contents = Contents::unknown) {
    if (has_) return {};
    if (reserve_ != nullptr) {
      frame_ = reserve_->take();
    } else {
      BASE_TRY_ASSIGN(frame_, system_.frames().allocate(contents));
      zeroed_ = contents == Contents::zero;
    }
    has_ = true;
    return {};
  }
  [[nodiscard]] bool has() const { return has_; }
  [[nodiscard]] base::Pfn frame() const { return frame_; }
  base::Pfn take() {
    BASE_CHECK(has_, "no spare table frame");
    has_ = false;
    zeroed_ = false;
    return frame_;
  }
  base::Pfn take_zeroed() {
    if (!zeroed_) __builtin_memset(system_.words(frame_), 0, base::page_size);
    return take();
  }

 private:
  System<M>& system_;
  Reserve* reserve_ = nullptr;
  base::Pfn frame_;
  bool has_ = false;
  bool zeroed_ = false;
};

// Follows open entries.
template <Machine M>
BASE_ALWAYS_INLINE typename PageTable<M>::Place PageTable<M>::descend(base::Vpn page,
                                                                      unsigned level) {
  Place place{root_, system_.features().levels};
  while (place.level > level) {
    const uint64_t word = load(place.table, page, place.level);
    if (BASE_UNLIKELY(!is_open(word, place.level))) break;
    place = {frame(word, place.level), place.level - 1};
  }
  return place;
}

template <Machine M>
template <class Body>
base::Status PageTable<M>::with_private_table(base::Vpn page, unsigned level, Batch& batch,
                                              Body&& body) {
  while (true) {
    const Place place = descend(page, level);
    if (BASE_UNLIKELY(place.level > level) &&
        kind(load(place.table, page, place.level), place.level) != EntryKind::leaf) {
      BASE_TRY(open_path(page, level, batch));
      continue;
    }
    FrameRecord& table_record = record(place.table);
    TableGuard guard(table_record, system_.host());
    if (BASE_UNLIKELY(table_record.is_retired())) continue;
    if (BASE_UNLIKELY(place.level > level) &&
        kind(load(place.table, page, place.level), place.level) != EntryKind::leaf) {
      continue;
    }
    LockedTable<M> table(system_, place.table, table_record, place.level, page);
    base::Status status = body(table);
    table.publish();
    return status;
  }
}

// Opens what is closed and adds what is missing, until the table at `level` or a leaf is reached.
template <Machine M>
BASE_NOINLINE base::Status PageTable<M>::open_path(base::Vpn page, unsigned level, Batch& batch) {
  Spare spare(system_);
  return open_path(page, level, batch, spare);
}

template <Machine M>
base::Status PageTable<M>::open_path(base::Vpn page, unsigned level, Batch& batch, Spare& spare) {
  while (true) {
    const Place place = descend(page, level);
    if (place.level == level ||
        kind(load(place.table, page, place.level), place.level) == EntryKind::leaf) {
      return {};
    }
    BASE_TRY(open(place, page, batch, spare));
  }
}

// Makes the entry for `page` in a private table an open one. Does nothing when it is a leaf, when
// the table has been retired, or when the entry turned out to need a frame after all: the caller
// looks again.
template <Machine M>
base::Status PageTable<M>::open(Place place, base::Vpn page, Batch& batch, Spare& spare) {
  uint64_t* at = slot(place.table, page, place.level);
  uint64_t word = system_.mmu().load(at);
  if (word == 0) {
    BASE_TRY(spare.ensure(Contents::zero));
  } else if (kind(word, place.level) == EntryKind::table && !is_open(word, place.level) &&
             !record(frame(word, place.level)).is_exclusive()) {
    BASE_TRY(spare.ensure());
  }
  base::Pfn child;
  {
    FrameRecord& parent = record(place.table);
    TableGuard guard(parent, system_.host());
    if (parent.is_retired()) return {};
    word = system_.mmu().load(at);
    if (word == 0) {
      if (!spare.has()) return {};
      const base::Pfn table = spare.take_zeroed();
      record(table).become_table(place.level - 1);
      system_.mmu().store(at, open_word(table, place.level));
      system_.mmu().publish();
      parent.add_resident();
      return {};
    }
    if (kind(word, place.level) != EntryKind::table || is_open(word, place.level)) return {};
    child = frame(word, place.level);
    if (record(child).is_exclusive()) {
      open_alone(at, place.level, page, child, batch);
      return {};
    }
    if (!spare.has()) return {};
    FrameRecord& locked_child = record(child);
    TableGuard child_guard(locked_child, system_.host());
    if (record(child).is_exclusive()) {
      open_alone(at, place.level, page, child, batch);
      return {};
    }
    BASE_TRY(copy_table(child, spare.frame(), place.level - 1));
    made_private_.template fetch_add<base::Order::relaxed>(1);
    // No CPU may walk through the old table once entries of the new one change, so everybody
    // forgets the path now, under the lock. Leaves remembered stay right: the same frames, without
    // the write right.
    const uint64_t next = open_word(spare.take(), place.level);
    const bool breaks = Format::transition(word, next, place.level, system_.features()) ==
                        Transition::break_before_make;
    system_.mmu().exchange(at, breaks ? 0 : next);
    batch.forget(base::VpnRange::single(page), Invalidate::walk);
    batch.flush();
    if (breaks) {
      system_.mmu().store(at, next);
      system_.mmu().publish();
    }
  }
  batch.retire_table(child);
  return {};
}

// Gives the entry that alone names `child` its write right back.
template <Machine M>
void PageTable<M>::open_alone(uint64_t* at, unsigned level, base::Vpn page, base::Pfn child,
                              Batch& batch) {
  system_.mmu().exchange(at, open_word(child, level));
  // A CPU that remembers the closed entry, or does not see this one yet, faults once more; where
  // the hardware keeps what faulted it would do so for ever.
  if (TlbDirectory<M>::broadcasts) batch.forget(base::VpnRange::single(page), Invalidate::walk);
}

// Copies a shared table into a new one. Both copies' entries lose the write right, except for
// leaves of shared mappings. The lock of `from` is held. On an error `to` is as it was.
template <Machine M>
base::Status PageTable<M>::copy_table(base::Pfn from, base::Pfn to, unsigned level) {
  uint64_t* source = system_.words(from);
  uint64_t* target = system_.words(to);
  const uint32_t resident = record(from).resident();
  unsigned i = 0;
  BASE_DCHECK(record(from).is_locked(), "table copied without its lock");
  BASE_DCHECK(record(from).table_pins() == 0, "table with pins is shared");
  BASE_TRY(copy_entries(source, target, resident, level, i));
  __builtin_memset(&target[i], 0, (entries_per_table - i) * sizeof(uint64_t));
  FrameRecord& copy = record(to);
  copy.become_table(level);
  TableGuard guard(copy, system_.host());
  copy.add_resident(resident);
  return {};
}

// The first `resident` entries that are not absent; `end`: how many places that took.
template <Machine M>
base::Status PageTable<M>::copy_entries(uint64_t* source, uint64_t* target, uint32_t resident,
                                        unsigned level, unsigned& end) {
  unsigned i = 0;
  for (uint32_t left = resident; left != 0;) {
    const unsigned absent = i;
    i = system_.next_present(source, i);
    __builtin_memset(&target[absent], 0, (i - absent) * sizeof(uint64_t));
    const uint64_t word = system_.mmu().load(&source[i]);
    unsigned next = i;
    base::Status counted;
    if (BASE_LIKELY(kind(word, level) == EntryKind::leaf)) {
      counted = copy_row(source, target, next, i + left, level);
    } else {
      counted = count_copy_without_page(word, level);
      if (counted.ok()) {
        target[i] = protect_original(&source[i], word, level);
        ++next;
      }
    }
    if (!counted.ok()) {
      uncount_copies(target, next, level);
      return counted.error();
    }
    left -= next - i;
    i = next;
  }
  end = i;
  return {};
}

// Copies leaves from `i` on that have all bits in common but the frame's, the hardware's included;
// `i` is where the next row begins then. Those are what says which bits the write right is (see
// MmuFormat). A leaf in which the hardware sets a bit meanwhile is the last of its row.
// On an error `i` is the one that could not be counted.
template <Machine M>
base::Status PageTable<M>::copy_row(uint64_t* source, uint64_t* target, unsigned& i, unsigned limit,
                                    unsigned level) {
  const uint64_t first = system_.mmu().load(&source[i]);
  const uint64_t like = first & ~Format::frame_mask;
  const bool shared = (Format::software(first) & uint8_t(LeafFlag::shared)) != 0;
  const uint64_t flip =
      shared ? 0 : first ^ Format::write_protect(first, level, system_.features());
  FrameRecords& records = system_.records();
  unsigned at = i;
  base::Status counted;
  for (; at != limit; ++at) {
    const uint64_t word = system_.mmu().load(&source[at]);
    if ((word & ~Format::frame_mask) != like) break;
    // `like` once more, so that what it says of the frame's place is worked out once.
    const base::Pfn named = frame(like | (word & Format::frame_mask), level);
    if (FrameRecord* page = system_.counted(named, records); page != nullptr) {
      counted = page->add_references();
      if (!counted.ok()) break;
    }
    if (flip != 0) {
      const uint64_t found = system_.mmu().compare_exchange(&source[at], word, word ^ flip);
      if (BASE_UNLIKELY(found != word)) {
        target[at] = protect_original(&source[at], found, level);
        ++at;
        break;
      }
    }
    target[at] = word ^ flip;
  }
  i = at;
  return counted;
}

// Counts one more entry like `word`. Error: nothing is counted.
template <Machine M>
base::Status PageTable<M>::count_copy(uint64_t word, unsigned level) {
  if (BASE_LIKELY(kind(word, level) == EntryKind::leaf)) {
    FrameRecord* page = system_.counted(frame(word, level));
    return page == nullptr ? base::Status() : page->add_references();
  }
  return count_copy_without_page(word, level);
}

template <Machine M>
BASE_NOINLINE base::Status PageTable<M>::count_copy_without_page(uint64_t word, unsigned level) {
  switch (kind(word, level)) {
    case EntryKind::table: {
      BASE_TRY(record(frame(word, level)).add_references());
      shared_.template fetch_add<base::Order::relaxed>(1);
      return {};
    }
    case EntryKind::software:
      if (system_.hooks().software_copied == nullptr) return {};
      return system_.hooks().software_copied(system_.hooks().context, decode(word, level).payload);
    case EntryKind::leaf:
    case EntryKind::absent: return {};
  }
  return {};
}

// Takes back what count_copy counted for the first `count` words. They are not the last entries to
// name anything: the originals are still there.
template <Machine M>
BASE_COLD void PageTable<M>::uncount_copies(const uint64_t* words, unsigned count, unsigned level) {
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t word = words[i];
    switch (kind(word, level)) {
      case EntryKind::leaf:
        if (FrameRecord* page = system_.counted(frame(word, level)); page != nullptr) {
          (void)page->drop_references();
        }
        break;
      case EntryKind::table:
        (void)record(frame(word, level)).drop_references();
        shared_.template fetch_sub<base::Order::relaxed>(1);
        break;
      case EntryKind::software:
        if (system_.hooks().software_dropped != nullptr) {
          system_.hooks().software_dropped(system_.hooks().context, decode(word, level).payload);
        }
        break;
      case EntryKind::absent: break;
    }
  }
}

// Takes the write right from a table entry or a private leaf in place, keeping what the hardware
// learns meanwhile; other entries stay. Returns the word that stands there now.
template <Machine M>
uint64_t PageTable<M>::protect_original(uint64_t* at, uint64_t word, unsigned level) {
  const EntryKind what = kind(word, level);
  if (what != EntryKind::leaf && what != EntryKind::table) return word;
  while (true) {
    const uint64_t closed = Format::write_protect(word, level, system_.features());
    if (closed == word) return word;
    if (what == EntryKind::leaf && (Format::software(word) & uint8_t(LeafFlag::shared)) != 0) {
      return word;
    }
    const uint64_t found = system_.mmu().compare_exchange(at, word, closed);
    if (found == word) return closed;
    word = found;
  }
}

}  // namespace vm
