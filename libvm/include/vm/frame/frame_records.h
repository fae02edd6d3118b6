// FrameRecords: the FrameRecord of every frame of RAM, found by frame number in constant time.
//
// RAM is cut into blocks of 128 MiB; a table with one 16-byte line per block up to the highest one
// names the records of the part of the block that is RAM, so holes cost nothing and a lookup is two
// loads; in the largest range of RAM it is none. All storage is given by the caller once, before
// anything else exists; there is none to free: tearing down is forgetting it.
//
// Locks: none. After init() the structure is read-only; the records themselves say how they change.
// Units: base::Pfn, 4 KiB frames. Limit: frame numbers below 2^32 (16 TiB), so that free lists can
// keep two neighbours in one record.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/page_range.h"
#include "base/span.h"
#include "vm/frame/frame_record.h"

namespace vm {

class FrameRecords {
 public:
  static constexpr unsigned block_shift = 15;
  static constexpr uint64_t frame_limit = 1ULL << 32;

  FrameRecords() = default;
  FrameRecords(const FrameRecords&) = delete;
  FrameRecords& operator=(const FrameRecords&) = delete;

  // Bytes that init() needs for these ranges of RAM.
  // Error::invalid_argument: empty, not ascending, overlapping. Error::not_supported: above 16 TiB.
  [[nodiscard]] static base::Result<base::Bytes> storage_for(base::Span<const base::PfnRange> ram);

  // Makes a record, state reserved, for every frame of `ram`: all memory that may ever be handed
  // out, used now or not. `storage` is 16-byte aligned, writable for ever, and may lie inside `ram`
  // (its frames then stay reserved). Once per object.
  // Errors as storage_for; Error::invalid_argument too when `size` is too small. Unchanged then.
  [[nodiscard]] base::Status init(base::Span<const base::PfnRange> ram, void* storage,
                                  base::Bytes size);

  // nullptr: no RAM that we know there. A frame in a hole inside a block may have a (reserved)
  // record.
  [[nodiscard]] FrameRecord* find(base::Pfn frame) const {
    const uint64_t index = frame.raw() >> block_shift;
    if (BASE_UNLIKELY(index >= block_count_)) {
      return nullptr;
    }
    const Block& block = blocks_[index];
    const uint32_t offset = uint32_t(frame.raw() & (block_frames - 1)) - block.first;
    return BASE_LIKELY(offset < block.count) ? block.records + offset : nullptr;
  }

  // The frame is known to be RAM; else a broken invariant.
  [[nodiscard]] FrameRecord& of(base::Pfn frame) const {
    FrameRecord* record = in_main_range(frame);
    return BASE_LIKELY(record != nullptr) ? *record : of_other(frame);
  }
  // The fast half of of(): nullptr outside the largest range of RAM.
  [[nodiscard]] FrameRecord* in_main_range(base::Pfn frame) const {
    const uint64_t offset = frame.raw() - main_first_;
    if (BASE_UNLIKELY(offset >= main_count_)) return nullptr;
    FrameRecord* record = main_records_ + offset;
    if (record == nullptr) __builtin_unreachable();
    return record;
  }
  [[nodiscard]] bool is_ram(base::Pfn frame) const { return find(frame) != nullptr; }

  // The first frame from `frame` on that is RAM; frame_limit when there is none.
  [[nodiscard]] base::Pfn next_ram(base::Pfn frame) const;

  // The head of the block that `frame` is part of; `frame` itself when it is no tail. Stable only
  // while the caller holds the block.
  [[nodiscard]] base::Pfn head_of(base::Pfn frame) const;

  // Calls visit(base::Pfn, FrameRecord&) for every record in ascending order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (uint64_t index = 0; index < block_count_; ++index) {
      const Block& block = blocks_[index];
      for (uint32_t i = 0; i < block.count; ++i) {
        visit(base::Pfn((index << block_shift) + block.first + i), block.records[i]);
      }
    }
  }

 private:
  static constexpr uint64_t block_frames = 1ULL << block_shift;

  // The RAM of a block: frames first .. first + count - 1 of it.
  struct Block {
    FrameRecord* records = nullptr;
    uint32_t first = 0;
    uint32_t count = 0;
  };

  BASE_NOINLINE FrameRecord& of_other(base::Pfn frame) const;

  // The largest range of RAM, whose records are one array.
  FrameRecord* main_records_ = nullptr;
  uint64_t main_first_ = 0;
  uint64_t main_count_ = 0;

  Block* blocks_ = nullptr;
  uint64_t block_count_ = 0;
};

}  // namespace vm
