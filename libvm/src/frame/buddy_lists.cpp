#include "vm/frame/buddy_lists.h"

#include "base/bits.h"

namespace vm {

using base::Optional;
using base::Pfn;

BuddyLists::BuddyLists() {
  for (uint32_t& head : heads_) {
    head = none;
  }
}

void BuddyLists::push(FrameRecords& records, Pfn head, unsigned order) {
  FrameRecord& record = records.of(head);
  record.move_unowned(FrameState::free, order);
  record.set_link(link_of(none, heads_[order]));
  if (heads_[order] != none) {
    FrameRecord& second = records.of(Pfn(heads_[order]));
    second.set_link(link_of(uint32_t(head.raw()), next_of(second.link())));
  }
  heads_[order] = uint32_t(head.raw());
  nonempty_ |= 1u << order;
  ++counts_[order];
  free_pages_ += block_pages(order).raw();
}

void BuddyLists::unlink(FrameRecords& records, Pfn head, unsigned order) {
  const uint64_t link = records.of(head).link();
  const uint32_t previous = previous_of(link);
  const uint32_t next = next_of(link);
  if (previous != none) {
    FrameRecord& record = records.of(Pfn(previous));
    record.set_link(link_of(previous_of(record.link()), next));
  } else {
    BASE_CHECK(heads_[order] == head.raw(), "free list does not start with its first block");
    heads_[order] = next;
    if (next == none) {
      nonempty_ &= ~(1u << order);
    }
  }
  if (next != none) {
    FrameRecord& record = records.of(Pfn(next));
    record.set_link(link_of(previous, next_of(record.link())));
  }
  --counts_[order];
  free_pages_ -= block_pages(order).raw();
}

void BuddyLists::insert(FrameRecords& records, Pfn head, unsigned order) {
  while (order < max_block_order) {
    const Pfn buddy(head.raw() ^ block_pages(order).raw());
    FrameRecord* record = records.find(buddy);
    if (record == nullptr || record->state() != FrameState::free || record->order() != order) {
      break;
    }
    unlink(records, buddy, order);
    const Pfn right = base::max(head, buddy);
    records.of(right).move_unowned(FrameState::tail, 0);
    head = base::min(head, buddy);
    ++order;
  }
  push(records, head, order);
}

Pfn BuddyLists::cut(FrameRecords& records, Pfn head, unsigned from, unsigned order) {
  while (from > order) {
    --from;
    push(records, head + block_pages(from), from);
  }
  records.of(head).move_unowned(FrameState::cached, order);
  return head;
}

Optional<Pfn> BuddyLists::take(FrameRecords& records, unsigned order) {
  const uint32_t usable = nonempty_ & (~0u << order);
  if (usable == 0) {
    return base::nothing;
  }
  const unsigned found = base::count_trailing_zeros(usable);
  const Pfn head(heads_[found]);
  unlink(records, head, found);
  return cut(records, head, found, order);
}

Optional<Pfn> BuddyLists::take_below(FrameRecords& records, unsigned order, Pfn limit) {
  for (unsigned at = order; at <= max_block_order; ++at) {
    for (uint32_t head = heads_[at]; head != none; head = next_of(records.of(Pfn(head)).link())) {
      // The front of a block that straddles the limit serves too.
      if (head + block_pages(order).raw() <= limit.raw()) {
        unlink(records, Pfn(head), at);
        return cut(records, Pfn(head), at, order);
      }
    }
  }
  return base::nothing;
}

unsigned BuddyLists::smallest_order() const {
  return nonempty_ == 0 ? block_order_count : base::count_trailing_zeros(nonempty_);
}

uint64_t BuddyLists::largest_block_pages() const {
  return nonempty_ == 0 ? 0 : block_pages(base::log2_floor(nonempty_)).raw();
}

void BuddyLists::check(const FrameRecords& records) const {
  uint64_t pages = 0;
  for (unsigned order = 0; order < block_order_count; ++order) {
    uint64_t count = 0;
    uint32_t previous = none;
    for (uint32_t head = heads_[order]; head != none;) {
      const FrameRecord& record = records.of(Pfn(head));
      BASE_CHECK(record.state() == FrameState::free, "block in a free list is not free");
      BASE_CHECK(record.order() == order, "free block in the list of another order");
      BASE_CHECK(record.references() == 0, "free block is referenced");
      BASE_CHECK(base::is_aligned(uint64_t(head), block_pages(order).raw()),
                 "free block is not aligned to its size");
      BASE_CHECK(previous_of(record.link()) == previous, "free list links disagree");
      for (uint64_t i = 1; i < block_pages(order).raw(); ++i) {
        BASE_CHECK(records.of(Pfn(head + i)).state() == FrameState::tail,
                   "frame inside a free block is not a tail");
      }
      if (order < max_block_order) {
        const FrameRecord* buddy = records.find(Pfn(head ^ block_pages(order).raw()));
        BASE_CHECK(
            buddy == nullptr || buddy->state() != FrameState::free || buddy->order() != order,
            "two free buddies were not merged");
      }
      ++count;
      previous = head;
      head = next_of(record.link());
    }
    BASE_CHECK(count == counts_[order], "free list count disagrees with its blocks");
    BASE_CHECK((count != 0) == ((nonempty_ >> order & 1) != 0), "free list bit disagrees");
    pages += count * block_pages(order).raw();
  }
  BASE_CHECK(pages == free_pages_, "free page count disagrees with the lists");
}

}  // namespace vm
