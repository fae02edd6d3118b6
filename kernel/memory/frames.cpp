#include "kernel/memory/frames.h"

#include <cstddef>

#include "base/page_range.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/cpus.h"
#include "kernel/log/log.h"
#include "kernel/memory/host.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace {

using base::Pfn;
using base::PfnRange;

constexpr Pfn first_frame(256);  // 1 MiB

Host the_host;
// Storage that needs no constructor at start keeps .init_array empty.
alignas(FrameAllocator) unsigned char allocator_storage[sizeof(FrameAllocator)];
FrameAllocator* allocator = nullptr;

// RAM that has records: what is usable, and what may become so or be shared with programs later.
bool is_recorded(boot::BootMemoryKind kind) {
  using enum boot::BootMemoryKind;
  return kind == usable || kind == boot_data || kind == kernel_image;
}

PfnRange frames_of(const boot::BootMemoryRange& range) {
  const uint64_t limit = vm::FrameRecords::frame_limit;
  const uint64_t first = base::min(range.base >> base::page_shift, limit);
  const uint64_t end = base::min((range.base + range.size) >> base::page_shift, limit);
  return PfnRange(Pfn(first), Pfn(end));
}

// Empty when the range holds nothing to hand out.
PfnRange usable_part(const boot::BootMemoryRange& range) {
  const PfnRange frames = frames_of(range);
  if (range.kind != boot::BootMemoryKind::usable || frames.end() <= first_frame) {
    return PfnRange(frames.first(), frames.first());
  }
  return PfnRange(base::max(frames.first(), first_frame), frames.end());
}

// The recorded RAM, ascending, neighbours merged.
class RecordedRam {
 public:
  void collect() {
    for (const auto& range : boot_memory_map()) {
      if (is_recorded(range.kind)) {
        add(frames_of(range));
      }
    }
  }
  [[nodiscard]] base::Span<const PfnRange> ranges() const { return {ranges_, count_}; }

 private:
  static constexpr size_t capacity = 256;

  void add(PfnRange range) {
    if (range.empty()) {
      return;
    }
    // With too many ranges the last one swallows the holes: a few records that are never used.
    if (count_ != 0 && (ranges_[count_ - 1].end() == range.first() || count_ == capacity)) {
      ranges_[count_ - 1] = PfnRange(ranges_[count_ - 1].first(), range.end());
    } else {
      ranges_[count_++] = range;
    }
  }

  PfnRange ranges_[capacity];
  size_t count_ = 0;
};
constinit RecordedRam ram;

PfnRange largest_usable_part() {
  PfnRange largest;
  for (const auto& range : boot_memory_map()) {
    const PfnRange part = usable_part(range);
    if (part.count() > largest.count()) {
      largest = part;
    }
  }
  return largest;
}

}  // namespace

Host& host() {
  return the_host;
}

FrameAllocator& frame_allocator() {
  return *allocator;
}

base::Status init_frames() {
  const PfnRange home = largest_usable_part();
  if (home.empty()) {
    return base::Error::out_of_memory;
  }
  ram.collect();
  allocator = base::construct_at<FrameAllocator>(allocator_storage, the_host);
  BASE_TRY(allocator->boot(ram.ranges(), base::Span<const PfnRange>(&home, 1), possible_cpus()));
  for (const auto& range : boot_memory_map()) {
    const PfnRange part = usable_part(range);
    if (!part.empty() && part.first() != home.first()) {
      BASE_TRY(allocator->add(part));
    }
  }
  return {};
}

uint64_t low_memory(uint64_t pages) {
  for (const auto& range : boot_memory_map()) {
    const uint64_t first = base::max(range.base, base::page_size);
    const uint64_t end = base::min(range.base + range.size, base::PhysAddr::of(first_frame).raw());
    if (range.kind == boot::BootMemoryKind::usable && first < end &&
        end - first >= pages * base::page_size) {
      return first;
    }
  }
  return 0;
}

base::Result<Pfn> allocate_frames(unsigned order) {
  BASE_CHECK(order <= max_frame_order, "frame order out of range");
  return order == 0 ? allocator->allocate() : allocator->allocate_block({.order = order});
}

base::Result<Pfn> allocate_zeroed_frame() {
  return allocator->allocate(vm::Contents::zero);
}

void free_frames(Pfn first, unsigned order) {
  const vm::FrameRecord& record = allocator->records().of(first);
  BASE_CHECK(record.state() == vm::FrameState::owned && record.order() == order,
             "freeing frames that are not allocated so");
  allocator->free(first);
}

void* frame_window(Pfn frame) {
  return the_host.window(frame);
}

uint64_t free_frame_count() {
  return allocator->statistics().available().raw();
}
uint64_t usable_frame_count() {
  return allocator->managed().raw();
}

void check_frames() {
  allocator->check();
}

}  // namespace kernel
