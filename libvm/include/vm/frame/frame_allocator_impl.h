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
  managed_ += frames.count().raw();
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

template <FrameHost H>
base::Pfn FrameAllocator<H>::hand_out(base::Pfn frame, Contents have, Contents want) {
  FrameRecord& record = records_->of(frame);
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
  if (want == Contents::zero && have != Contents::zero) {
    fill_with_zeros(frame);
  }
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
base::Result<base::Pfn> FrameAllocator<H>::allocate(Contents contents, Urgency urgency) {
  if (is_refused()) {
    return failed();
  }
  CpuFrameCache& cache = cache_of_this_cpu();
  if (BASE_LIKELY(cache.try_enter())) {
    uint32_t frame = 0;
    Contents have = Contents::unknown;
    bool found = false;
    if (contents == Contents::zero && (cache.pop_zeroed(frame) || refill_zeroed(cache, frame))) {
      have = Contents::zero;
      found = true;
    } else {
      found = cache.pop(frame) || (refill(cache, urgency) && cache.pop(frame));
    }
    cache.leave();
    if (BASE_LIKELY(found)) {
      return hand_out(base::Pfn(frame), have, contents);
    }
  }
  return allocate_shared(contents, urgency);
}

template <FrameHost H>
bool FrameAllocator<H>::refill(CpuFrameCache& cache, Urgency urgency) {
  base::Guard guard(lock_);
  const uint64_t kept = urgency == Urgency::reclaim ? 0 : emergency_;
  uint64_t wanted =
      free_pages() <= kept ? 0 : base::min(free_pages() - kept, uint64_t(refill_batch));
  ++refills_;
  const bool any = wanted != 0;
  while (wanted != 0) {
    // Small blocks first; a large one is cut only when nothing else is left.
    BuddyLists& zone = zones_[zones_[1].free_pages() != 0 ? 1 : 0];
    const unsigned order = base::min(zone.smallest_order(), base::log2_floor(wanted));
    const base::Pfn head = *zone.take(*records_, order);
    const uint64_t pages = block_pages(order).raw();
    for (uint64_t i = pages; i-- > 0;) {
      records_->of(base::Pfn(head.raw() + i)).move_unowned(FrameState::cached, 0);
      BASE_CHECK(cache.push(uint32_t(head.raw() + i)), "refilled a frame cache that is not empty");
    }
    wanted -= pages;
  }
  return any;
}

template <FrameHost H>
bool FrameAllocator<H>::refill_zeroed(CpuFrameCache& cache, uint32_t& frame) {
  if (pool_count_.template load<base::Order::relaxed>() == 0) {
    return false;
  }
  base::Guard guard(lock_);
  const base::Optional<base::Pfn> first = pop_pool();
  if (!first.has_value()) {
    return false;
  }
  frame = uint32_t((*first).raw());
  while (cache.zeroed_frames() < CpuFrameCache::zeroed_size / 2) {
    const base::Optional<base::Pfn> next = pop_pool();
    if (!next.has_value() || !cache.push_zeroed(uint32_t((*next).raw()))) break;
  }
  return true;
}

// No stock on this CPU, or it is in use: the shared lists, the pool, then what others keep.
template <FrameHost H>
base::Result<base::Pfn> FrameAllocator<H>::allocate_shared(Contents contents, Urgency urgency) {
  for (unsigned attempt = 0; attempt < 2; ++attempt) {
    base::Optional<base::Pfn> frame;
    Contents have = Contents::unknown;
    {
      base::Guard guard(lock_);
      frame = take_block({.urgency = urgency});
      if (!frame.has_value()) {
        frame = pop_pool();
        have = Contents::zero;
      }
    }
    if (frame.has_value()) {
      return hand_out(*frame, have, contents);
    }
    if (attempt == 0) {
      drain_caches();
    }
  }
  return failed();
}

template <FrameHost H>
base::Error FrameAllocator<H>::failed() {
  base::Guard guard(lock_);
  ++failures_;
  return base::Error::out_of_memory;
}

template <FrameHost H>
void FrameAllocator<H>::free(base::Pfn head) {
  FrameRecord& record = records_->of(head);
  const FrameState state = record.state();
  BASE_CHECK(state >= FrameState::owned, "frame freed that nobody had");
  BASE_CHECK(record.references() <= 1, "frame freed while it is referenced");
  const unsigned order = state == FrameState::table ? 0 : record.order();
  note_freed(base::PfnRange::of(head, block_pages(order)));
  record.set_references_unchecked(0);
  record.reset(FrameState::cached, order);
  stamp(head, order);
  if (BASE_LIKELY(order == 0)) {
    CpuFrameCache& cache = cache_of_this_cpu();
    if (BASE_LIKELY(cache.try_enter())) {
      if (BASE_UNLIKELY(!cache.push(uint32_t(head.raw())))) {
        drain_cold(cache);
        BASE_CHECK(cache.push(uint32_t(head.raw())), "emptied frame cache is full");
      }
      cache.leave();
      return;
    }
  }
  base::Guard guard(lock_);
  give_block(head, order);
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

template <FrameHost H>
void FrameAllocator<H>::drain_cold(CpuFrameCache& cache) {
  base::Guard guard(lock_);
  ++drains_;
  // The lambda runs under the guard, which the analysis cannot see through the call.
  cache.exchange_full([this](uint32_t frame)
                          BASE_NO_THREAD_SAFETY_ANALYSIS { give_block(base::Pfn(frame), 0); });
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
    if (attempt == 0) {
      drain_caches();
    }
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
