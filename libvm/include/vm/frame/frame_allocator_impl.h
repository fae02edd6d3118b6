// Bodies of FrameAllocator; included by frame_allocator.h alone.
#pragma once

#include "base/bits.h"
#include "vm/frame/frame_allocator.h"

namespace vm {

// ---- Start

template <FrameHost H>
base::Status FrameAllocator<H>::boot(base::Span<const base::PfnRange> ram,
                                     base::Span<const base::PfnRange> free, uint32_t cpus) {
  BASE_TRY_ASSIGN(const base::Bytes record_bytes, FrameRecords::storage_for(ram));
  const uint64_t cache_offset =
      base::align_up(record_bytes.raw(), uint64_t(alignof(CpuFrameCache)));
  const uint64_t bytes = cache_offset + uint64_t(cpus) * sizeof(CpuFrameCache);
  const base::PageCount pages(base::align_up(bytes, base::page_size) >> base::page_shift);
  if (cpus == 0) {
    return base::Error::invalid_argument;
  }
  base::Pfn previous_end(0);
  for (const base::PfnRange& range : free) {
    bool inside = false;
    for (const base::PfnRange& known : ram) inside = inside || known.contains(range);
    if (!inside || range.first() < previous_end) {
      return base::Error::invalid_argument;
    }
    previous_end = range.end();
  }
  // The highest range that is large enough: low memory is scarcer.
  size_t chosen = free.size();
  for (size_t i = 0; i < free.size(); ++i) {
    if (free[i].count() >= pages) chosen = i;
  }
  if (chosen == free.size()) {
    return base::Error::out_of_memory;
  }
  const base::Pfn carved = free[chosen].end() - pages;
  auto* storage = static_cast<unsigned char*>(host_.window(carved));
  BASE_TRY(own_records_.init(ram, storage, record_bytes));
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    base::construct_at<CpuFrameCache>(storage + cache_offset + cpu * sizeof(CpuFrameCache));
  }
  auto* caches = reinterpret_cast<CpuFrameCache*>(storage + cache_offset);
  BASE_TRY(init(own_records_, base::Span<CpuFrameCache>(caches, cpus)));
  for (size_t i = 0; i < free.size(); ++i) {
    const base::PfnRange rest(free[i].first(), i == chosen ? carved : free[i].end());
    if (!rest.empty()) {
      BASE_TRY(add(rest));
    }
  }
  return {};
}

template <FrameHost H>
base::Status FrameAllocator<H>::init(FrameRecords& records, base::Span<CpuFrameCache> caches) {
  BASE_CHECK(records_ == nullptr, "frame allocator initialised twice");
  if (caches.empty()) {
    return base::Error::invalid_argument;
  }
  records_ = &records;
  caches_ = caches.data();
  cpus_ = uint32_t(caches.size());
  return {};
}

template <FrameHost H>
base::Status FrameAllocator<H>::add(base::PfnRange frames) {
  for (base::Pfn at = frames.first(); at < frames.end(); at += base::PageCount(1)) {
    const FrameRecord* record = records_->find(at);
    if (record == nullptr || record->state() != FrameState::reserved) {
      return base::Error::invalid_argument;
    }
  }
  base::Guard guard(lock_);
  for (base::Pfn at = frames.first(); at < frames.end(); at += base::PageCount(1)) {
    records_->of(at).reset(FrameState::tail, 0);
  }
  give_run(frames);
  const uint64_t now = managed().raw() + frames.count().raw();
  managed_.template store<base::Order::relaxed>(now);
  depot_.set_limit(uint32_t(now / 16 / CpuFrameCache::batch));
  return {};
}

template <FrameHost H>
void FrameAllocator<H>::give_run(base::PfnRange frames) {
  base::Pfn at = frames.first();
  while (at < frames.end()) {
    const unsigned aligned = base::count_trailing_zeros(at.raw());
    const unsigned fits = base::log2_floor((frames.end() - at).raw());
    const unsigned order = base::min(base::min(aligned, fits), max_block_order);
    give_block(at, order);
    at += block_pages(order);
  }
}

template <FrameHost H>
void FrameAllocator<H>::set_emergency_reserve(base::PageCount pages) {
  base::Guard guard(lock_);
  emergency_ = pages.raw();
}

template <FrameHost H>
void FrameAllocator<H>::set_zeroed_target(base::PageCount pages) {
  base::Guard guard(lock_);
  zeroed_target_ = pages.raw();
}

// ---- Handing out

// From a cache, the depot or the pool: the record's link is the frame's number.
template <FrameHost H>
BASE_ALWAYS_INLINE base::Pfn FrameAllocator<H>::hand_out(FrameRecord& record, Contents have) {
  const base::Pfn frame(record.link());
  if constexpr (frame_poison::enabled) {
    if (have == Contents::zero) {
      frame_poison::check_zero(host_.window(frame));
    } else if (record.is_stamped()) {
      frame_poison::check(host_.window(frame));
    }
  }
  record.reset(FrameState::owned, 0);
  record.set_references_unchecked(1);
  note_taken(frame, 0);
  return frame;
}

template <FrameHost H>
void FrameAllocator<H>::fill_with_zeros(base::Pfn frame) {
  if (void* memory = host_.window(frame); memory != nullptr) {
    __builtin_memset(memory, 0, base::page_size);
  }
}

template <FrameHost H>
void FrameAllocator<H>::hand_out_block(base::Pfn head, unsigned order) {
  if constexpr (frame_poison::enabled) {
    const base::PfnRange frames = base::PfnRange::of(head, block_pages(order));
    for (base::Pfn at = frames.first(); at < frames.end(); at += base::PageCount(1)) {
      FrameRecord& record = records_->of(at);
      if (record.is_stamped()) frame_poison::check(host_.window(at));
      record.reset(FrameState::tail, 0);
    }
  }
  FrameRecord& record = records_->of(head);
  record.reset(FrameState::owned, order);
  record.set_references_unchecked(1);
  note_taken(head, order);
}

// ---- Single frames

template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_any(Urgency urgency) {
  CpuFrameCache& cache = cache_of_this_cpu();
  if (BASE_LIKELY(cache.try_enter())) {
    FrameRecord* record = cache.pop();
    if (BASE_LIKELY(record != nullptr)) {
      cache.leave();
      return hand_out(*record, Contents::unknown);
    }
    return allocate_refilling(cache, urgency);
  }
  return allocate_shared(Contents::unknown, urgency);
}

template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_refilling(CpuFrameCache& cache,
                                                              Urgency urgency) {
  FrameRecord* record = refill(cache, urgency);
  cache.leave();
  if (record == nullptr) {
    return allocate_shared(Contents::unknown, urgency);
  }
  return hand_out(*record, Contents::unknown);
}

template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_zeroed(Urgency urgency) {
  CpuFrameCache& cache = cache_of_this_cpu();
  if (BASE_LIKELY(cache.try_enter())) {
    FrameRecord* record = cache.pop_zeroed();
    if (record == nullptr && pool_count_.template load<base::Order::relaxed>() != 0) {
      record = refill_zeroed(cache);
    }
    if (record != nullptr) {
      cache.leave();
      return hand_out(*record, Contents::zero);
    }
    record = cache.pop();
    if (record == nullptr) {
      record = refill(cache, urgency);
    }
    cache.leave();
    if (BASE_LIKELY(record != nullptr)) {
      const base::Pfn frame = hand_out(*record, Contents::unknown);
      fill_with_zeros(frame);
      return frame;
    }
  }
  return allocate_shared(Contents::zero, urgency);
}

template <FrameHost H>
FrameRecord& FrameAllocator<H>::mark_cached(base::Pfn frame) {
  FrameRecord& record = records_->of(frame);
  record.move_unowned(FrameState::cached, 0);
  record.set_link(frame.raw());
  return record;
}

// Fills an empty cache with a batch, less the frame that it returns. nullptr: nothing to be had.
template <FrameHost H>
FrameRecord* FrameAllocator<H>::refill(CpuFrameCache& cache, Urgency urgency) {
  base::Guard guard(lock_);
  ++refills_;
  if (!depot_.is_empty()) {
    // The lambda runs under both locks, which the analysis cannot see through the call.
    depot_.pop(*records_, host_.current_cpu(),
               [&](FrameRecord& record) BASE_NO_THREAD_SAFETY_ANALYSIS {
                 BASE_CHECK(cache.push(record), "refilled a frame cache that is not empty");
               });
    return cache.pop();
  }
  const uint64_t kept = urgency == Urgency::reclaim ? 0 : emergency_;
  uint64_t wanted =
      free_pages() <= kept ? 0 : base::min(free_pages() - kept, uint64_t(CpuFrameCache::batch));
  while (wanted != 0) {
    // Small blocks first; a large one is cut only when nothing else is left.
    BuddyLists& zone = zones_[zones_[1].free_pages() != 0 ? 1 : 0];
    const unsigned order = base::min(zone.smallest_order(), base::log2_floor(wanted));
    const base::Pfn head = *zone.take(*records_, order);
    const uint64_t pages = block_pages(order).raw();
    for (uint64_t i = pages; i-- > 0;) {
      FrameRecord& record = mark_cached(base::Pfn(head.raw() + i));
      BASE_CHECK(cache.push(record), "refilled a frame cache that is not empty");
    }
    wanted -= pages;
  }
  return cache.pop();
}

template <FrameHost H>
FrameRecord* FrameAllocator<H>::refill_zeroed(CpuFrameCache& cache) {
  base::Guard guard(lock_);
  FrameRecord* first = pop_pool();
  while (first != nullptr && cache.zeroed_frames() < CpuFrameCache::zeroed_size / 2) {
    FrameRecord* next = pop_pool();
    if (next == nullptr) break;
    BASE_CHECK(cache.push_zeroed(*next), "zeroed cache is full");
  }
  return first;
}

// No stock on this CPU, or it is in use: the shared lists, the pool, then what others keep.
template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_shared(Contents contents, Urgency urgency) {
  for (unsigned attempt = 0; attempt < 2; ++attempt) {
    FrameRecord* record = nullptr;
    Contents have = Contents::unknown;
    {
      base::Guard guard(lock_);
      const base::Optional<base::Pfn> frame = take_block({.urgency = urgency});
      if (frame.has_value()) {
        record = &mark_cached(*frame);
      } else {
        record = pop_pool();
        have = Contents::zero;
      }
    }
    if (record != nullptr) {
      const base::Pfn frame = hand_out(*record, have);
      if (contents == Contents::zero && have != Contents::zero) fill_with_zeros(frame);
      return frame;
    }
    if (attempt == 0) gather();
  }
  return failed();
}

// Everything that is free, wherever it is, to the shared lists.
template <FrameHost H>
void FrameAllocator<H>::gather() {
  if (relief_.relieve != nullptr) relief_.relieve(relief_.context);
  drain_caches();
}

template <FrameHost H>
base::Error FrameAllocator<H>::failed() {
  base::Guard guard(lock_);
  ++failures_;
  return base::Error::out_of_memory;
}

template <FrameHost H>
void FrameAllocator<H>::free_record(FrameRecord& record, base::Pfn head) {
  if (BASE_UNLIKELY(!record.is_single_page())) {
    return free_uncommon(record, head);
  }
  free_single(record, head);
}

template <FrameHost H>
BASE_ALWAYS_INLINE void FrameAllocator<H>::free_single(FrameRecord& record, base::Pfn frame) {
  BASE_CHECK(record.references() <= 1, "frame freed while it is referenced");
  note_freed(base::PfnRange::single(frame));
  record.set_references_unchecked(0);
  record.reset(FrameState::cached, 0);
  record.set_link(frame.raw());
  stamp(frame, 0);
  CpuFrameCache& cache = cache_of_this_cpu();
  if (BASE_UNLIKELY(!cache.try_enter())) {
    return free_shared(frame, 0);
  }
  if (BASE_UNLIKELY(!cache.push(record))) {
    return spill(cache, record);
  }
  cache.leave();
}

template <FrameHost H>
void FrameAllocator<H>::free_zeroed(base::Pfn frame) {
  FrameRecord& record = records_->of(frame);
  CpuFrameCache& cache = cache_of_this_cpu();
  if (BASE_UNLIKELY(!cache.try_enter())) return free_record(record, frame);
  const bool has_room = cache.zeroed_frames() < CpuFrameCache::zeroed_size;
  if (BASE_LIKELY(has_room)) {
    BASE_CHECK(record.references() <= 1, "frame freed while it is referenced");
    BASE_CHECK(record.is_table() || record.is_single_page(), "zeroed frame that nobody had");
    note_freed(base::PfnRange::single(frame));
    record.set_references_unchecked(0);
    record.reset(FrameState::cached, 0);
    record.set_link(frame.raw());
    BASE_CHECK(cache.push_zeroed(record), "zeroed cache is full");
  }
  cache.leave();
  if (BASE_UNLIKELY(!has_room)) free_record(record, frame);
}

// A table, a block, or a mistake.
template <FrameHost H>
void FrameAllocator<H>::free_uncommon(FrameRecord& record, base::Pfn head) {
  const FrameState state = record.state();
  BASE_CHECK(state >= FrameState::owned, "frame freed that nobody had");
  if (state == FrameState::table) {
    return free_single(record, head);
  }
  BASE_CHECK(record.references() <= 1, "frame freed while it is referenced");
  const unsigned order = record.order();
  note_freed(base::PfnRange::of(head, block_pages(order)));
  record.set_references_unchecked(0);
  record.reset(FrameState::cached, order);
  stamp(head, order);
  free_shared(head, order);
}

template <FrameHost H>
void FrameAllocator<H>::free_shared(base::Pfn head, unsigned order) {
  base::Guard guard(lock_);
  give_block(head, order);
}

// The cache is full: its oldest batch goes, `extra` comes.
template <FrameHost H>
void FrameAllocator<H>::spill(CpuFrameCache& cache, FrameRecord& extra) {
  FrameRecord* cold[CpuFrameCache::batch];
  cache.take_cold(cold);
  BASE_CHECK(cache.push(extra), "emptied frame cache is full");
  cache.leave();
  base::Guard guard(lock_);
  ++drains_;
  if (!depot_.is_full()) {
    depot_.push(cold, host_.current_cpu());
    return;
  }
  for (FrameRecord* record : cold) give_record(*record);
}

template <FrameHost H>
void FrameAllocator<H>::stamp(base::Pfn head, unsigned order) {
  if constexpr (frame_poison::enabled) {
    const base::PfnRange frames = base::PfnRange::of(head, block_pages(order));
    for (base::Pfn at = frames.first(); at < frames.end(); at += base::PageCount(1)) {
      frame_poison::stamp(host_.window(at));
      records_->of(at).set_stamped();
    }
  }
}

// ---- Blocks

template <FrameHost H>
base::Optional<base::Pfn> FrameAllocator<H>::take_block(const BlockRequest& request) {
  const uint64_t kept = request.urgency == Urgency::reclaim ? 0 : emergency_;
  if (free_pages() < kept + block_pages(request.order).raw()) {
    return base::nothing;
  }
  base::Optional<base::Pfn> head;
  if (request.limit > below_4gib) {
    head = request.limit.raw() >= FrameRecords::frame_limit
               ? zones_[1].take(*records_, request.order)
               : zones_[1].take_below(*records_, request.order, request.limit);
  }
  if (!head.has_value()) {
    head = request.limit >= below_4gib
               ? zones_[0].take(*records_, request.order)
               : zones_[0].take_below(*records_, request.order, request.limit);
  }
  return head;
}

template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_block(BlockRequest request) {
  if (request.order > max_block_order) {
    return base::Error::invalid_argument;
  }
  if (is_refused()) {
    return failed();
  }
  for (unsigned attempt = 0; attempt < 2; ++attempt) {
    base::Optional<base::Pfn> head;
    {
      base::Guard guard(lock_);
      head = take_block(request);
    }
    if (head.has_value()) {
      hand_out_block(*head, request.order);
      return *head;
    }
    if (attempt == 0) gather();
  }
  return failed();
}

template <FrameHost H>
base::Result<base::PfnRange> FrameAllocator<H>::allocate_contiguous(base::PageCount pages,
                                                                    base::Pfn limit) {
  if (pages.is_zero() || pages > block_pages(max_block_order)) {
    return base::Error::invalid_argument;
  }
  const unsigned order = base::log2_ceil(pages.raw());
  BASE_TRY_ASSIGN(const base::Pfn head, allocate_block({.order = order, .limit = limit}));
  const base::PfnRange block = base::PfnRange::of(head, block_pages(order));
  const base::PfnRange wanted = base::PfnRange::of(head, pages);
  for (base::Pfn at = head; at < wanted.end(); at += base::PageCount(1)) {
    FrameRecord& record = records_->of(at);
    record.reset(FrameState::owned, 0);
    record.set_references_unchecked(1);
  }
  note_freed(base::PfnRange(wanted.end(), block.end()));
  base::Guard guard(lock_);
  give_run(base::PfnRange(wanted.end(), block.end()));
  return wanted;
}

template <FrameHost H>
void FrameAllocator<H>::split(base::Pfn head, unsigned order) {
  FrameRecord& whole = records_->of(head);
  const FrameState state = whole.state();
  BASE_CHECK(state >= FrameState::owned && state != FrameState::table && whole.is_exclusive(),
             "split of a block that is not the caller's alone");
  BASE_CHECK(order <= whole.order(), "block split into larger ones");
  const uint64_t end = head.raw() + block_pages(whole.order()).raw();
  for (uint64_t at = head.raw(); at < end; at += block_pages(order).raw()) {
    FrameRecord& record = records_->of(base::Pfn(at));
    record.reset(state, order);
    record.set_references_unchecked(1);
  }
}

}  // namespace vm

#include "vm/frame/frame_allocator_upkeep.h"
