#include "kernel/sanitizer/shadow.h"

#include "base/bits.h"
#include "base/utility.h"
#include "kernel/host/boot_info.h"
#include "kernel/log/panic.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/host.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/sanitizer/shadow_map.h"

namespace kernel {

namespace {

constexpr unsigned chunk_shift = 25;
constexpr uint64_t chunk_size = 1ULL << chunk_shift;
constexpr unsigned chunk_order = 10;  // of the shadow of one
static_assert(base::page_size << chunk_order == chunk_size / shadow::granule);
constexpr uint64_t chunk_count = 4096;  // 128 GiB

uint8_t* chunks[chunk_count];

constexpr uint64_t stack_page_count = (stack_area_end - stack_area_start) / base::page_size;
// 0: no stack has been there yet.
uint32_t stack_frames[stack_page_count];

// Copies of what BootInfo says, so that a check is a few instructions.
uint64_t direct_map_base;
uint64_t direct_map_size;
uint64_t image_base;
uint64_t image_size;
uint64_t image_physical;

uint8_t* of_physical(uint64_t address) {
  const uint64_t chunk = address >> chunk_shift;
  if (chunk >= chunk_count || chunks[chunk] == nullptr) {
    return nullptr;
  }
  return chunks[chunk] + (address % chunk_size) / shadow::granule;
}

void make_chunks(const boot::BootMemoryRange& range) {
  const uint64_t end = base::min(range.base + range.size, chunk_count << chunk_shift);
  for (uint64_t at = range.base; at < end; at = base::align_down(at, chunk_size) + chunk_size) {
    uint8_t*& chunk = chunks[at >> chunk_shift];
    if (chunk != nullptr) {
      continue;
    }
    const auto block = allocate_frames(chunk_order);
    if (!block.ok()) {
      panic("no memory for the shadow of RAM at 0x%lx", at);
    }
    chunk = static_cast<uint8_t*>(frame_window(block.value()));
    __builtin_memset(chunk, 0, chunk_size / shadow::granule);
  }
}

}  // namespace

namespace shadow {

bool active = false;

uint8_t* of(uint64_t address) {
  if (const uint64_t physical = address - direct_map_base; physical < direct_map_size) {
    return of_physical(physical);
  }
  if (const uint64_t offset = address - image_base; offset < image_size) {
    return of_physical(image_physical + offset);
  }
  if (address >= stack_area_start && address < stack_area_end) {
    const uint64_t frame = stack_frames[(address - stack_area_start) / base::page_size];
    return frame == 0 ? nullptr : of_physical(frame * base::page_size + address % base::page_size);
  }
  return nullptr;
}

uint64_t first_bad(uint64_t address, uint64_t size) {
  const uint64_t end = address + size;
  while (address < end) {
    const uint64_t page_end = base::min(end, (address | (base::page_size - 1)) + 1);
    const uint8_t* at = of(address);
    if (at == nullptr) {
      address = page_end;
      continue;
    }
    while (address < page_end) {
      const uint64_t next = base::min((address | (granule - 1)) + 1, page_end);
      // Of the granule the first `*at` bytes are good; all, when it is 0.
      if (*at != 0 && (*at >= granule || ((next - 1) % granule) >= *at)) {
        const uint64_t good = *at >= granule ? 0 : *at;
        return base::max(address, base::align_down(address, granule) + good);
      }
      address = next;
      ++at;
    }
  }
  return 0;
}

void fill(uint64_t address, uint64_t size, uint8_t value) {
  const uint64_t end = address + size;
  while (address < end) {
    const uint64_t page_end = base::min(end, (address | (base::page_size - 1)) + 1);
    if (uint8_t* at = of(address)) {
      __builtin_memset(at, value, (page_end - address) / granule);
    }
    address = page_end;
  }
}

}  // namespace shadow

void poison(const void* from, size_t size, Poison what) {
  if (shadow::active) {
    shadow::fill(reinterpret_cast<uint64_t>(from), base::align_down(size, shadow::granule),
                 uint8_t(what));
  }
}

void unpoison(const void* from, size_t size) {
  if (!shadow::active) {
    return;
  }
  const auto address = reinterpret_cast<uint64_t>(from);
  const uint64_t whole = base::align_down(size, shadow::granule);
  shadow::fill(address, whole, 0);
  if (size != whole) {
    if (uint8_t* last = shadow::of(address + whole)) {
      *last = uint8_t(size - whole);
    }
  }
}

bool is_poisoned(const void* address) {
  return shadow::active && shadow::first_bad(reinterpret_cast<uint64_t>(address), 1) != 0;
}

void alias_stack_page(uint64_t page, base::Pfn frame) {
  stack_frames[(page - stack_area_start) / base::page_size] = uint32_t(frame.raw());
}

void FrameWatch::note_taken(base::Pfn frame) {
  if (shadow::active) {
    shadow::fill(direct_map_base + frame.raw() * base::page_size, base::page_size, 0);
  }
}

void FrameWatch::note_freed(base::Pfn frame) {
  if (shadow::active) {
    shadow::fill(direct_map_base + frame.raw() * base::page_size, base::page_size,
                 uint8_t(Poison::frame_free));
  }
}

void start_address_checks() {
  for (const boot::BootMemoryRange& range : boot_memory_map()) {
    if (range.kind == boot::BootMemoryKind::usable ||
        range.kind == boot::BootMemoryKind::kernel_image) {
      make_chunks(range);
    }
  }
  direct_map_base = boot_info().direct_map_base;
  direct_map_size = boot_info().direct_map_size;
  image_base = boot_info().kernel_virtual_base;
  image_size = boot_info().kernel_size;
  image_physical = boot_info().kernel_physical_base;
  shadow::active = true;
  frame_allocator().records().for_each([](base::Pfn frame, const vm::FrameRecord& record) {
    const bool is_block = record.state() == vm::FrameState::free;
    if (is_block || record.state() == vm::FrameState::cached) {
      shadow::fill(direct_map_base + frame.raw() * base::page_size,
                   base::page_size << (is_block ? record.order() : 0), uint8_t(Poison::frame_free));
    }
  });
  poison_global_edges();
}

void stop_address_checks() {
  shadow::active = false;
}

}  // namespace kernel
