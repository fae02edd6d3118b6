// PageTable, what writers do to ranges: protect.
//
// Most leaves of a table have all their bits in common with the one before but the frame's number,
// and the bits that a change of rights flips follow from those (MmuFormat): they are worked out
// once for a row of such leaves, accessed and dirty bits included.
#pragma once

#include "vm/table/page_table_range.h"

namespace vm {

// What new rights change in the leaves of a row.
template <Machine M>
struct PageTable<M>::AccessFlip {
  enum class Pages : uint8_t { any, own, foreign };

  uint64_t like;             // the bits of each leaf beside its frame, accessed and dirty included
  uint64_t bits;             // to flip; 0: nothing changes
  bool forget = false;       // CPUs must forget a leaf that was flipped
  Pages pages = Pages::any;  // leaves of which pages: is_own_page() tells
};

template <Machine M>
void PageTable<M>::protect(base::VpnRange range, base::Access access, ClosedTables closed,
                           Reserve& reserve, Batch& batch) {
  if (range.empty()) return;
  protect_in({root_, system_.features().levels}, range,
             {Format::granted(access, system_.features()), closed}, reserve, batch);
}

template <Machine M>
void PageTable<M>::protect_in(Place place, base::VpnRange range, Protection protection,
                              Reserve& reserve, Batch& batch) {
  cut_by_entries(
      range, place.level,
      [&](base::Vpn first, unsigned index, unsigned end) {
        protect_entries(place, first, index, end, protection, reserve, batch);
      },
      [&](base::VpnRange part) {
        if (protection.closed == ClosedTables::skip) {
          const uint64_t word = load_settled(place, part.first());
          if (kind(word, place.level) == EntryKind::table && !is_open(word, place.level)) return;
        }
        const base::Optional<base::Pfn> child = cut_entry(place, part.first(), reserve, batch);
        if (child) protect_in({*child, place.level - 1}, part, protection, reserve, batch);
      });
}

template <Machine M>
void PageTable<M>::protect_entries(Place place, base::Vpn first, unsigned index, unsigned end,
                                   Protection protection, Reserve& reserve, Batch& batch) {
  const base::PageCount span = entry_span(place.level);
  // Tables below first, without the lock: they are this space's, and only writers detach them.
  for (unsigned i = index; place.level > 1 && i < end; ++i) {
    const base::VpnRange pages =
        base::VpnRange::of(base::Vpn(first.raw() + (i - index) * span.raw()), span);
    const uint64_t word = load_settled(place, pages.first());
    if (kind(word, place.level) != EntryKind::table) continue;
    if (!is_open(word, place.level)) {
      BASE_CHECK(protection.closed == ClosedTables::skip, "range was not prepared");
      continue;
    }
    protect_in({frame(word, place.level), place.level - 1}, pages, protection, reserve, batch);
  }
  protect_leaves(place, first, index, end, protection.access, batch);
}

// The leaves among the entries [index, end) of one table; the entry at `index` spans the pages from
// `first` on.
template <Machine M>
void PageTable<M>::protect_leaves(Place place, base::Vpn first, unsigned index, unsigned end,
                                  base::Access access, Batch& batch) {
  uint64_t* words = system_.words(place.table);
  const uint64_t span = entry_span(place.level).raw();
  const auto page_of = [&](unsigned i) { return base::Vpn(first.raw() + (i - index) * span); };
  FrameRecord& locked = record(place.table);
  TableGuard guard(locked, system_.host());
  unsigned left = locked.resident();
  bool changed = false;
  for (unsigned i = index; i < end && left != 0;) {
    const uint64_t word = system_.mmu().load(&words[i]);
    if (word == 0) {
      ++i;
      continue;
    }
    if (kind(word, place.level) != EntryKind::leaf) {
      --left;
      ++i;
      continue;
    }
    const AccessFlip flip = access_flip(word, place.level, access);
    const unsigned limit = end - i < left ? end : i + left;
    const unsigned stop = flip.pages == AccessFlip::Pages::any
                              ? flip_any(words, i, limit, flip)
                              : flip_pages(words, i, limit, flip, place.level);
    changed |= flip.bits != 0;
    if (flip.forget && stop != i) batch.forget({page_of(i), page_of(stop)}, Invalidate::leaf);
    left -= stop - i;
    i = stop;
  }
  if (changed) system_.mmu().publish();
}

// Flips leaves from `i` on, as long as they are like the row; returns where the next row begins.
// The lock keeps everybody from the entries but the hardware: a leaf in which it has set a bit
// meanwhile begins a row.
template <Machine M>
BASE_ALWAYS_INLINE unsigned PageTable<M>::flip_any(uint64_t* words, unsigned i, unsigned limit,
                                                   AccessFlip flip) {
  for (; i != limit; ++i) {
    const uint64_t word = system_.mmu().load(&words[i]);
    if ((word & ~Format::frame_mask) != flip.like) break;
    if (flip.bits == 0) continue;
    if (system_.mmu().compare_exchange(&words[i], word, word ^ flip.bits) != word) break;
  }
  return i;
}

// The same as long as their pages are of the row's sort, too.
template <Machine M>
BASE_ALWAYS_INLINE unsigned PageTable<M>::flip_pages(uint64_t* words, unsigned i, unsigned limit,
                                                     AccessFlip flip, unsigned level) {
  const bool own = flip.pages == AccessFlip::Pages::own;
  for (; i != limit; ++i) {
    const uint64_t word = system_.mmu().load(&words[i]);
    if ((word & ~Format::frame_mask) != flip.like) break;
    if (is_own_page(word, level) != own) break;
    if (flip.bits == 0) continue;
    if (system_.mmu().compare_exchange(&words[i], word, word ^ flip.bits) != word) break;
  }
  return i;
}

// A leaf gets the rights of its mapping, the write right only where it may have it; of a page that
// is lent it keeps those of them that it has.
template <Machine M>
BASE_NOINLINE typename PageTable<M>::AccessFlip PageTable<M>::access_flip(uint64_t word,
                                                                          unsigned level,
                                                                          base::Access access) {
  AccessFlip flip{.like = word & ~Format::frame_mask, .bits = 0};
  const Entry leaf = decode(word, level);
  if (has_flag(leaf, LeafFlag::lent)) {
    access = access.intersect(leaf.access);
  } else if (access.can_write() && !has_flag(leaf, LeafFlag::shared)) {
    const bool own = is_own_page(word, level);
    flip.pages = own ? AccessFlip::Pages::own : AccessFlip::Pages::foreign;
    if (!own) access = access.without(base::Right::write);
  }
  flip.bits = word ^ Format::with_access(word, level, access, system_.features());
  Entry next = leaf;
  next.access = access;
  flip.forget = flip.bits != 0 && LockedTable<M>::must_forget(leaf, next);
  return flip;
}

// Is the page in memory that is this space's alone?
template <Machine M>
BASE_ALWAYS_INLINE bool PageTable<M>::is_own_page(uint64_t leaf, unsigned level) {
  const FrameRecord* page = system_.counted(frame(leaf, level));
  return page != nullptr && page->is_exclusive() && page->state() == FrameState::private_page;
}

}  // namespace vm
