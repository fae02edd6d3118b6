#include "kernel/memory/frames.h"

#include "base/bits.h"
#include "cpu/cpu.h"
#include "kernel/host/boot_info.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace {

// State of a frame: the order of the free or allocated block it heads, or a mark.
constexpr uint8_t state_foreign = 0xff;  // not ours
constexpr uint8_t state_inside = 0xfe;   // part of a block, not its head
constexpr uint8_t state_free = 0x40;     // | order: head of a free block
constexpr uint8_t state_taken = 0x00;    // | order: head of an allocated block

constexpr uint64_t first_frame = 256;  // 1 MiB

struct FreeBlock {
  FreeBlock* next;
  FreeBlock* previous;
};

uint8_t* states = nullptr;
uint64_t frame_limit = 0;  // frames the state array covers
FreeBlock* free_lists[max_frame_order + 1];
uint64_t free_count = 0;
uint64_t usable_count = 0;

FreeBlock* block_at(uint64_t frame) {
  return static_cast<FreeBlock*>(direct_map(frame << base::page_shift));
}
uint64_t frame_of(const FreeBlock* block) {
  return (reinterpret_cast<uint64_t>(block) - boot_info().direct_map_base) >> base::page_shift;
}

void push(uint64_t frame, unsigned order) {
  FreeBlock* block = block_at(frame);
  block->previous = nullptr;
  block->next = free_lists[order];
  if (block->next != nullptr) {
    block->next->previous = block;
  }
  free_lists[order] = block;
  states[frame] = uint8_t(state_free | order);
}

void unlink(uint64_t frame, unsigned order) {
  FreeBlock* block = block_at(frame);
  (block->previous != nullptr ? block->previous->next : free_lists[order]) = block->next;
  if (block->next != nullptr) {
    block->next->previous = block->previous;
  }
  states[frame] = state_inside;
}

// Frees a block, merging with its free buddies.
void release(uint64_t frame, unsigned order) {
  free_count += 1ULL << order;
  states[frame] = state_inside;
  while (order < max_frame_order) {
    const uint64_t buddy = frame ^ (1ULL << order);
    if (buddy >= frame_limit || states[buddy] != (state_free | order)) {
      break;
    }
    unlink(buddy, order);
    frame &= ~(1ULL << order);
    ++order;
  }
  push(frame, order);
}

// Hands [first, end) to the allocator in the largest aligned blocks.
void add_range(uint64_t first, uint64_t end) {
  while (first < end) {
    unsigned order = base::count_trailing_zeros(first);
    order = order > max_frame_order ? max_frame_order : order;
    while (first + (1ULL << order) > end) {
      --order;
    }
    for (uint64_t i = 0; i < (1ULL << order); ++i) {
      states[first + i] = state_inside;
    }
    release(first, order);
    usable_count += 1ULL << order;
    first += 1ULL << order;
  }
}

struct FrameRange {
  uint64_t first;
  uint64_t end;
};

FrameRange usable_part(const boot::BootMemoryRange& range) {
  if (range.kind != boot::BootMemoryKind::usable) {
    return {0, 0};
  }
  const uint64_t first = base::max(range.base >> base::page_shift, first_frame);
  const uint64_t end = (range.base + range.size) >> base::page_shift;
  return first < end ? FrameRange{first, end} : FrameRange{0, 0};
}

}  // namespace

base::Status init_frames() {
  for (const auto& range : boot_memory_map()) {
    frame_limit = base::max(frame_limit, usable_part(range).end);
  }
  const uint64_t state_frames = base::align_up(frame_limit, base::page_size) >> base::page_shift;
  uint64_t home = 0;
  for (const auto& range : boot_memory_map()) {
    const FrameRange part = usable_part(range);
    if (part.end - part.first >= state_frames && part.end != 0) {
      home = part.first;
      break;
    }
  }
  if (home == 0) {
    return base::Error::out_of_memory;
  }
  states = static_cast<uint8_t*>(direct_map(home << base::page_shift));
  __builtin_memset(states, state_foreign, frame_limit);
  for (const auto& range : boot_memory_map()) {
    const FrameRange part = usable_part(range);
    add_range(part.first == home ? home + state_frames : part.first, part.end);
  }
  return {};
}

base::Result<base::Pfn> allocate_frames(unsigned order) {
  BASE_CHECK(order <= max_frame_order, "frame order out of range");
  const cpu::InterruptGuard guard;
  unsigned from = order;
  while (from <= max_frame_order && free_lists[from] == nullptr) {
    ++from;
  }
  if (from > max_frame_order) {
    return base::Error::out_of_memory;
  }
  const uint64_t frame = frame_of(free_lists[from]);
  unlink(frame, from);
  while (from > order) {
    --from;
    push(frame + (1ULL << from), from);
  }
  states[frame] = uint8_t(state_taken | order);
  free_count -= 1ULL << order;
  return base::Pfn(frame);
}

base::Result<base::Pfn> allocate_zeroed_frame() {
  BASE_TRY_ASSIGN(const base::Pfn frame, allocate_frames(0));
  __builtin_memset(frame_window(frame), 0, base::page_size);
  return frame;
}

void free_frames(base::Pfn first, unsigned order) {
  const cpu::InterruptGuard guard;
  BASE_CHECK(first.raw() < frame_limit && states[first.raw()] == (state_taken | order),
             "freeing frames that are not allocated so");
  release(first.raw(), order);
}

void* frame_window(base::Pfn frame) {
  return direct_map(frame.raw() << base::page_shift);
}

uint64_t free_frame_count() {
  return free_count;
}
uint64_t usable_frame_count() {
  return usable_count;
}

}  // namespace kernel
