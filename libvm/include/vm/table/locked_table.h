// LockedTable: one page table whose lock the caller holds, and the changes of its entries.
//
// Made by PageTable, which has seen to it that the table is private to one address space: nobody
// else changes it, and what is put into it appears in that space alone. An entry owns a reference
// to what it names: install() takes the caller's over; an entry that stops naming a frame hands its
// own to the TlbBatch. Nothing here fails or allocates.
#pragma once

#include "vm/tlb/tlb_batch.h"

namespace vm {

// Entry::software bits of a leaf.
enum class LeafFlag : uint8_t {
  shared = 1,  // of a shared mapping: a clone keeps the write right
  pinned = 2,  // a clone copies the page at once; counted in the pins of the table
  lent = 4,    // another space's page: it gains rights by asking that space, through a fault
};
constexpr bool has_flag(const Entry& entry, LeafFlag flag) {
  return (entry.software & uint8_t(flag)) != 0;
}

template <Machine M>
class LockedTable {
 public:
  using Format = typename M::Format;

  LockedTable(System<M>& system, base::Pfn frame, FrameRecord& record, unsigned level,
              base::Vpn page)
      : system_(system),
        words_(system.words(frame)),
        record_(record),
        level_(level),
        first_(base::align_down(page.raw(), entry_span(level + 1).raw())) {
    BASE_DCHECK(record.is_locked(), "LockedTable of a table that is not locked");
  }
  LockedTable(const LockedTable&) = delete;
  LockedTable& operator=(const LockedTable&) = delete;

  // 1: entries span 4 KiB.
  [[nodiscard]] unsigned level() const { return level_; }
  // What the table spans.
  [[nodiscard]] base::VpnRange pages() const {
    return base::VpnRange::of(first_, entry_span(level_ + 1));
  }
  // What the entry for `page` spans.
  [[nodiscard]] base::VpnRange entry_pages(base::Vpn page) const {
    const uint64_t span = entry_span(level_).raw();
    return base::VpnRange::of(base::Vpn(base::align_down(page.raw(), span)), entry_span(level_));
  }
  [[nodiscard]] uint32_t resident() const { return record_.resident(); }

  [[nodiscard]] Entry get(base::Vpn page) const {
    return Format::decode(system_.mmu().load(slot(page)), level_, system_.features());
  }

  [[nodiscard]] bool is_absent(base::Vpn page) const { return system_.mmu().load(slot(page)) == 0; }

  // Puts a leaf where the entry is absent or software (whose payload the caller has dealt with).
  // Takes over the caller's reference to the frame. Nothing to forget: no CPU remembers absence.
  void install(base::Vpn page, const Entry& leaf) {
    uint64_t* at = slot(page);
    const uint64_t old = system_.mmu().load(at);
    BASE_DCHECK(Format::kind(old, level_, system_.features()) == EntryKind::absent ||
                    Format::kind(old, level_, system_.features()) == EntryKind::software,
                "leaf installed over a live entry");
    BASE_DCHECK(leaf.access == Format::granted(leaf.access, system_.features()),
                "leaf with rights that the machine cannot express");
    if (old == 0) count_added(1);
    system_.mmu().store(at, Format::encode(leaf, level_, system_.features()));
    unpublished_ = true;
  }

  // Replaces an entry that is no table by what `next(Entry)` makes of it, atomically with the
  // hardware's updates (`next` may run again). Keeps the break-before-make rules, names in `batch`
  // what has to be forgotten, hands over the old frame if the new entry does not name it. Taken
  // over: the caller's reference to a new frame. Returns the entry replaced.
  template <class Next>
  Entry change(base::Vpn page, TlbBatch<M>& batch, Next&& next) {
    uint64_t* at = slot(page);
    uint64_t old = system_.mmu().load(at);
    Entry before;
    Entry after;
    while (true) {
      before = Format::decode(old, level_, system_.features());
      after = next(before);
      const uint64_t word = Format::encode(after, level_, system_.features());
      if (word == old) return before;
      const bool breaks = Format::transition(old, word, level_, system_.features()) ==
                          Transition::break_before_make;
      const uint64_t found = system_.mmu().compare_exchange(at, old, breaks ? 0 : word);
      if (found == old) {
        if (breaks) {
          batch.forget(entry_pages(page), Invalidate::leaf);
          batch.flush();
          system_.mmu().store(at, word);
        } else if (must_forget(before, after)) {
          batch.forget(entry_pages(page), Invalidate::leaf);
        }
        break;
      }
      old = found;
    }
    BASE_DCHECK(!has_flag(before, LeafFlag::pinned) || before.frame == after.frame,
                "pinned page replaced");
    unpublished_ = true;
    if (old == 0) count_added(1);
    if (after.kind == EntryKind::absent) count_removed(1);
    if (before.kind == EntryKind::leaf &&
        (after.kind != EntryKind::leaf || after.frame != before.frame)) {
      batch.retire_leaf(old, level_);
    }
    return before;
  }

  // Removes an entry that is no table; a software one's payload is the caller's to deal with.
  Entry remove(base::Vpn page, TlbBatch<M>& batch) {
    return change(page, batch, [](const Entry&) { return Entry(); });
  }

  // Moves a leaf's reference to the caller instead of to the batch.
  Entry take(base::Vpn page, TlbBatch<M>& batch) {
    uint64_t* at = slot(page);
    if (system_.mmu().load(at) == 0) return {};
    const Entry before = Format::decode(system_.mmu().exchange(at, 0), level_, system_.features());
    count_removed(1);
    if (must_forget(before, {})) batch.forget(entry_pages(page), Invalidate::leaf);
    return before;
  }

  // May a CPU still use `before` in a way that `after` forbids? Where the hardware does not drop a
  // translation that faulted, one with too few rights has to go as well.
  [[nodiscard]] static bool must_forget(const Entry& before, const Entry& after) {
    constexpr base::Access uses = base::Right::read | base::Right::write | base::Right::execute;
    if (before.kind != EntryKind::leaf || !before.access.any(uses)) return false;
    return TlbDirectory<M>::broadcasts || after.kind != EntryKind::leaf ||
           after.frame != before.frame || !after.access.has(before.access) ||
           after.memory_type != before.memory_type || after.global != before.global ||
           after.protection_key != before.protection_key || (before.dirty && !after.dirty);
  }

  // New entries are seen by every walker from now on. PageTable calls it before it unlocks.
  void publish() {
    if (unpublished_) system_.mmu().publish();
    unpublished_ = false;
  }

 private:
  [[nodiscard]] uint64_t* slot(base::Vpn page) const {
    BASE_DCHECK(pages().contains(page), "page outside the locked table");
    return &words_[entry_index(page, level_)];
  }
  // The lock is held by whoever made this object.
  void count_added(uint32_t count) BASE_NO_THREAD_SAFETY_ANALYSIS { record_.add_resident(count); }
  void count_removed(uint32_t count) BASE_NO_THREAD_SAFETY_ANALYSIS {
    record_.remove_resident(count);
  }

  System<M>& system_;
  uint64_t* words_;
  FrameRecord& record_;
  unsigned level_;
  base::Vpn first_;
  bool unpublished_ = false;
};

}  // namespace vm
