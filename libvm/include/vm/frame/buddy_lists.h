// BuddyLists: the free blocks of one zone of RAM, by order, merged with their buddies.
//
// A free block is a record with state `free` and its order; its list neighbours are frame numbers
// in the record's link, so the lists need no storage. Most recently freed first.
//
// Invariants (check()): every frame of a free block but the head is `tail`; no two free buddies of
// one order below the largest; counts agree with the lists.
// Locks: none of its own; FrameAllocator's lock guards it.
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/optional.h"
#include "vm/frame/block_order.h"
#include "vm/frame/frame_records.h"

namespace vm {

class BuddyLists {
 public:
  BuddyLists();
  BuddyLists(const BuddyLists&) = delete;
  BuddyLists& operator=(const BuddyLists&) = delete;

  // Takes a block whose head has any state but free and tail, and whose other frames are tails.
  void insert(FrameRecords& records, base::Pfn head, unsigned order);

  // A block of exactly `order`, split off the smallest free block that is large enough; its head
  // has state `cached` and that order, no references, and keeps its stamp. Nothing: none is.
  [[nodiscard]] base::Optional<base::Pfn> take(FrameRecords& records, unsigned order);

  // The same, ending at or below `limit`; walks the lists.
  [[nodiscard]] base::Optional<base::Pfn> take_below(FrameRecords& records, unsigned order,
                                                     base::Pfn limit);

  [[nodiscard]] uint64_t free_pages() const { return free_pages_; }
  [[nodiscard]] uint64_t free_blocks(unsigned order) const { return counts_[order]; }
  // The least order with a free block; block_order_count when empty.
  [[nodiscard]] unsigned smallest_order() const;
  // 2^n frames are free in one block; 0 when empty.
  [[nodiscard]] uint64_t largest_block_pages() const;

  // Panics on the first broken invariant. Linear in the free blocks and their frames.
  void check(const FrameRecords& records) const;

 private:
  static constexpr uint32_t none = ~0u;
  static constexpr uint64_t link_of(uint32_t previous, uint32_t next) {
    return uint64_t(previous) << 32 | next;
  }
  static constexpr uint32_t previous_of(uint64_t link) { return uint32_t(link >> 32); }
  static constexpr uint32_t next_of(uint64_t link) { return uint32_t(link); }

  void push(FrameRecords& records, base::Pfn head, unsigned order);
  void unlink(FrameRecords& records, base::Pfn head, unsigned order);
  // Cuts a block that is in no list down to `order`, keeping its start.
  base::Pfn cut(FrameRecords& records, base::Pfn head, unsigned from, unsigned order);

  uint32_t heads_[block_order_count];
  uint32_t nonempty_ = 0;  // bit per order
  uint64_t counts_[block_order_count] = {};
  uint64_t free_pages_ = 0;
};

}  // namespace vm
