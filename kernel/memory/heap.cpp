#include "kernel/memory/heap.h"

#include "base/bits.h"
#include "base/list.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/fail_nth.h"
#include "kernel/memory/frames.h"
#include "kernel/sanitizer/shadow.h"

namespace kernel {

namespace {

constexpr uint64_t slab_magic = 0x534c'4142'6865'6170ULL;
constexpr uint64_t large_magic = 0x4c41'5247'6865'6170ULL;

struct FreeCell {
  FreeCell* next;
};

// At the start of every frame (or block of frames) the heap holds.
struct Header {
  uint64_t magic = 0;
  uint32_t class_or_order = 0;
  uint32_t used = 0;  // blocks; of a large block its size
  FreeCell* free = nullptr;
  base::ListNode node;
};
constexpr size_t header_size = 64;
static_assert(sizeof(Header) <= header_size);

constexpr size_t class_sizes[] = {32, 48, 64, 96, 128, 192, 256, 384, 512, 784, 1008, 2016};
constexpr size_t class_count = sizeof(class_sizes) / sizeof(class_sizes[0]);

using SlabList = base::List<Header, &Header::node>;

// Where addresses are checked, the last bytes of each cell are nobody's and say how large the block
// is, or was. Freed cells wait in a queue, oldest first.
struct Trailer {
  uint64_t size;
  uint64_t unused;
};
constexpr size_t edge = checks_addresses ? sizeof(Trailer) : 0;
constexpr size_t most_waiting = 1024;
struct WaitingCells {
  FreeCell* first = nullptr;
  FreeCell* last = nullptr;
  size_t count = 0;
};

// The lists have constructors; storage that needs no constructor at start keeps .init_array empty.
struct Classes {
  SlabList partial[class_count];
  WaitingCells waiting;
  uint64_t frames = 0;
};
alignas(Classes) unsigned char class_storage[sizeof(Classes)];
Classes* classes = nullptr;     // under the lock from the first use on
SpinLock lock{LockRank::heap};  // before the frame allocator's
uint64_t block_count BASE_GUARDED_BY(lock) = 0;

Classes& all_classes() {
  if (classes == nullptr) {
    classes = base::construct_at<Classes>(class_storage);
  }
  return *classes;
}

size_t cells_of(size_t index) {
  return (base::page_size - header_size) / class_sizes[index];
}

Header* header_of(void* block) {
  return reinterpret_cast<Header*>(
      base::align_down(reinterpret_cast<uint64_t>(block), base::page_size));
}

base::Pfn frame_of(const Header* header) {
  // The header lies in the direct map at its frame's window.
  const auto origin = reinterpret_cast<uint64_t>(frame_window(base::Pfn(0)));
  return base::Pfn((reinterpret_cast<uint64_t>(header) - origin) >> base::page_shift);
}

// Functions that are not checked: they read and link free cells, which are poisoned.

Trailer& trailer_of(void* cell, size_t index) {
  return *reinterpret_cast<Trailer*>(static_cast<char*>(cell) + class_sizes[index] - edge);
}

KERNEL_UNCHECKED_ACCESS base::Result<Header*> grow(size_t index) {
  BASE_TRY_ASSIGN(const base::Pfn frame, allocate_frames(0));
  auto* header = base::construct_at<Header>(frame_window(frame));
  header->magic = slab_magic;
  header->class_or_order = uint32_t(index);
  auto* cell = reinterpret_cast<char*>(header) + header_size;
  for (size_t i = 0; i < cells_of(index); ++i, cell += class_sizes[index]) {
    auto* free = reinterpret_cast<FreeCell*>(cell);
    free->next = header->free;
    header->free = free;
  }
  all_classes().partial[index].push_front(*header);
  ++all_classes().frames;
  poison(header + 1, base::page_size - sizeof(Header), Poison::heap_edge);
  return header;
}

KERNEL_UNCHECKED_ACCESS base::Result<void*> allocate_small(size_t index, size_t size) {
  Header* header = all_classes().partial[index].front();
  if (header == nullptr) {
    BASE_TRY_ASSIGN(header, grow(index));
  }
  FreeCell* cell = header->free;
  header->free = cell->next;
  ++header->used;
  if (header->free == nullptr) {
    all_classes().partial[index].remove(*header);
  }
  if constexpr (checks_addresses) {
    trailer_of(cell, index).size = size;
    unpoison(cell, size);
  }
  return static_cast<void*>(cell);
}

base::Result<void*> allocate_large(size_t size) {
  const uint64_t frames = (size + header_size + edge + base::page_size - 1) >> base::page_shift;
  const unsigned order = base::log2_ceil(frames);
  if (size > (base::page_size << max_frame_order) - header_size - edge) {
    return base::Error::out_of_memory;
  }
  BASE_TRY_ASSIGN(const base::Pfn frame, allocate_frames(order));
  auto* header = base::construct_at<Header>(frame_window(frame));
  header->magic = large_magic;
  all_classes().frames += uint64_t(1) << order;
  header->class_or_order = order;
  header->used = uint32_t(size);
  char* block = reinterpret_cast<char*>(header) + header_size;
  poison(block + base::align_up(size, 8UL),
         (base::page_size << order) - header_size - base::align_up(size, 8UL), Poison::heap_edge);
  unpoison(block, size);
  return static_cast<void*>(block);
}

void release_slab(Header* header) {
  --all_classes().frames;
  header->magic = 0;
  header->~Header();
  free_frames(frame_of(header), 0);
}

// Back to its slab.
KERNEL_UNCHECKED_ACCESS void release_cell(Header* header, void* block) {
  const size_t index = header->class_or_order;
  SlabList& partial = all_classes().partial[index];
  auto* cell = static_cast<FreeCell*>(block);
  cell->next = header->free;
  header->free = cell;
  if (!header->node.linked()) {
    partial.push_front(*header);
  }
  --header->used;
  // One empty slab a class stays as a cushion.
  if (header->used == 0 && partial.next(*partial.front()) != nullptr) {
    partial.remove(*header);
    release_slab(header);
  }
}

KERNEL_UNCHECKED_ACCESS void release_oldest(WaitingCells& waiting) {
  FreeCell* cell = waiting.first;
  waiting.first = cell->next;
  --waiting.count;
  release_cell(header_of(cell), cell);
}

KERNEL_UNCHECKED_ACCESS void free_small(Header* header, void* block) {
  const size_t index = header->class_or_order;
#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
  constexpr uint8_t freed_byte = 0xfd;
  __builtin_memset(block, freed_byte, class_sizes[index] - edge);
#endif
  if constexpr (!checks_addresses) {
    return release_cell(header, block);
  }
  poison(block, class_sizes[index], Poison::heap_freed);
  WaitingCells& waiting = all_classes().waiting;
  auto* cell = static_cast<FreeCell*>(block);
  (waiting.count == 0 ? waiting.first : waiting.last->next) = cell;
  waiting.last = cell;
  if (++waiting.count > most_waiting) {
    release_oldest(waiting);
  }
}

}  // namespace

base::Result<void*> heap_allocate(size_t size) {
  BASE_CHECK(size != 0, "allocating nothing");
  if (refuse_allocation()) {
    return base::Error::out_of_memory;
  }
  const base::Guard guard(lock);
  size_t index = 0;
  while (index < class_count && class_sizes[index] < size + edge) {
    ++index;
  }
  auto block = index < class_count ? allocate_small(index, size) : allocate_large(size);
  block_count += block.ok() ? 1 : 0;
  return block;
}

void heap_free(void* block) {
  if (block == nullptr) {
    return;
  }
  const base::Guard guard(lock);
  Header* header = header_of(block);
  BASE_CHECK(header->magic == slab_magic || header->magic == large_magic,
             "freeing what the heap did not allocate");
  BASE_CHECK(!is_poisoned(block), "freeing a block that is free");
  --block_count;
  if (header->magic == slab_magic) {
    free_small(header, block);
  } else {
    const unsigned order = header->class_or_order;
    all_classes().frames -= uint64_t(1) << order;
    header->magic = 0;
    header->~Header();
    free_frames(frame_of(header), order);
  }
}

uint64_t heap_block_count() {
  const base::Guard guard(lock);
  return block_count;
}

uint64_t heap_frame_count() {
  const base::Guard guard(lock);
  return all_classes().frames;
}

uint64_t heap_trim() {
  const base::Guard guard(lock);
  uint64_t released = 0;
  for (WaitingCells& waiting = all_classes().waiting; waiting.count != 0;) {
    release_oldest(waiting);
  }
  for (SlabList& partial : all_classes().partial) {
    for (Header* header = partial.front(); header != nullptr;) {
      Header* next = partial.next(*header);
      if (header->used == 0) {
        partial.remove(*header);
        release_slab(header);
        ++released;
      }
      header = next;
    }
  }
  return released;
}

HeapBlock find_heap_block(uint64_t address) {
  if constexpr (!checks_addresses) {
    return {};
  }
  const auto* header = header_of(reinterpret_cast<void*>(address));
  if (header->magic == slab_magic && header->class_or_order < class_count) {
    const size_t index = header->class_or_order;
    const uint64_t first = reinterpret_cast<uint64_t>(header) + header_size;
    if (address < first || address >= first + cells_of(index) * class_sizes[index]) {
      return {};
    }
    const uint64_t cell = address - (address - first) % class_sizes[index];
    return {cell, trailer_of(reinterpret_cast<void*>(cell), index).size};
  }
  // A large block begins in a frame at a multiple of its size.
  for (unsigned order = 0; order <= max_frame_order; ++order) {
    header = reinterpret_cast<const Header*>(base::align_down(address, base::page_size << order));
    if (header->magic == large_magic && header->class_or_order == order) {
      return {reinterpret_cast<uint64_t>(header) + header_size, header->used};
    }
  }
  return {};
}

}  // namespace kernel
