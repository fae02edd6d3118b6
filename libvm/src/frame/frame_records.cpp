#include "vm/frame/frame_records.h"

#include "base/utility.h"
#include "vm/frame/block_order.h"

namespace vm {

namespace {

using base::Error;
using base::PfnRange;
using base::Result;
using base::Span;
using base::Status;

Status check_ranges(Span<const PfnRange> ram) {
  if (ram.empty()) {
    return Error::invalid_argument;
  }
  uint64_t previous_end = 0;
  for (const PfnRange& range : ram) {
    if (range.empty() || range.first().raw() < previous_end) {
      return Error::invalid_argument;
    }
    if (range.end().raw() > FrameRecords::frame_limit) {
      return Error::not_supported;
    }
    previous_end = range.end().raw();
  }
  return {};
}

uint64_t block_count_of(Span<const PfnRange> ram) {
  const uint64_t end = ram[ram.size() - 1].end().raw();
  return ((end - 1) >> FrameRecords::block_shift) + 1;
}

// The smallest range that holds all RAM of block `index`; empty if it has none.
PfnRange extent_in_block(Span<const PfnRange> ram, uint64_t index) {
  const PfnRange block = PfnRange::of(base::Pfn(index << FrameRecords::block_shift),
                                      base::PageCount(1ULL << FrameRecords::block_shift));
  PfnRange extent(block.first(), block.first());
  for (const PfnRange& range : ram) {
    const PfnRange part = range.intersect(block);
    if (!part.empty()) {
      extent = PfnRange(extent.empty() ? part.first() : extent.first(), part.end());
    }
  }
  return extent;
}

}  // namespace

Result<base::Bytes> FrameRecords::storage_for(Span<const PfnRange> ram) {
  BASE_TRY(check_ranges(ram));
  const uint64_t count = block_count_of(ram);
  uint64_t bytes = count * sizeof(Block);
  for (uint64_t index = 0; index < count; ++index) {
    bytes += extent_in_block(ram, index).count().raw() * sizeof(FrameRecord);
  }
  return base::Bytes(bytes);
}

Status FrameRecords::init(Span<const PfnRange> ram, void* storage, base::Bytes size) {
  BASE_CHECK(blocks_ == nullptr, "frame records initialised twice");
  BASE_TRY_ASSIGN(const base::Bytes needed, storage_for(ram));
  if (size < needed || storage == nullptr ||
      !base::is_aligned(reinterpret_cast<uint64_t>(storage), uint64_t(alignof(FrameRecord)))) {
    return Error::invalid_argument;
  }
  const uint64_t count = block_count_of(ram);
  auto* bytes = static_cast<unsigned char*>(storage);
  auto* blocks = reinterpret_cast<Block*>(bytes);
  bytes += count * sizeof(Block);
  for (uint64_t index = 0; index < count; ++index) {
    Block* block = base::construct_at<Block>(blocks + index);
    const PfnRange extent = extent_in_block(ram, index);
    if (extent.empty()) {
      continue;
    }
    block->records = reinterpret_cast<FrameRecord*>(bytes);
    block->first = uint32_t(extent.first().raw() & (block_frames - 1));
    block->count = uint32_t(extent.count().raw());
    for (uint32_t i = 0; i < block->count; ++i) {
      base::construct_at<FrameRecord>(block->records + i);
    }
    bytes += block->count * sizeof(FrameRecord);
  }
  blocks_ = blocks;
  block_count_ = count;
  for (const PfnRange& range : ram) {
    // The records of a range follow each other, whatever blocks it crosses.
    if (range.count().raw() > main_count_) {
      main_records_ = find(range.first());
      main_first_ = range.first().raw();
      main_count_ = range.count().raw();
    }
  }
  return {};
}

FrameRecord& FrameRecords::of_other(base::Pfn frame) const {
  FrameRecord* record = find(frame);
  BASE_CHECK(record != nullptr, "frame without a record");
  return *record;
}

base::Pfn FrameRecords::next_ram(base::Pfn frame) const {
  for (uint64_t index = frame.raw() >> block_shift; index < block_count_; ++index) {
    const Block& block = blocks_[index];
    const uint64_t first = (index << block_shift) + block.first;
    if (block.count != 0 && frame.raw() < first + block.count) {
      return base::Pfn(base::max(frame.raw(), first));
    }
  }
  return base::Pfn(frame_limit);
}

base::Pfn FrameRecords::head_of(base::Pfn frame) const {
  if (of(frame).state() != FrameState::tail) {
    return frame;
  }
  // A block is aligned to its size, so the head of the smallest one that is no tail is it.
  for (unsigned order = 1; order <= max_block_order; ++order) {
    const base::Pfn candidate(base::align_down(frame.raw(), block_pages(order).raw()));
    const FrameRecord* record = find(candidate);
    if (record != nullptr && record->state() != FrameState::tail) {
      return candidate;
    }
  }
  base_panic("tail frame without a head", __FILE_NAME__, uint32_t(__LINE__));
}

}  // namespace vm
