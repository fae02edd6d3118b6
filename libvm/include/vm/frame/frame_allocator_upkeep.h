// Bodies of FrameAllocator, the cold part: idle zeroing, draining, check and dump; included by
// frame_allocator.h alone.
#pragma once

#include "vm/frame/frame_allocator.h"

namespace vm {

template <FrameHost H>
bool FrameAllocator<H>::zero_one() {
  base::Optional<base::Pfn> frame;
  {
    base::Guard guard(lock_);
    if (pool_count_.template load<base::Order::relaxed>() >= zeroed_target_) {
      return false;
    }
    frame = take_block({});
  }
  if (!frame.has_value()) {
    return false;
  }
  FrameRecord& record = records_->of(*frame);
  if (record.is_stamped()) {
    frame_poison::check(host_.window(*frame));
  }
  record.reset(FrameState::cached, 0);
  fill_with_zeros(*frame);
  base::Guard guard(lock_);
  push_pool(record, *frame);
  return true;
}

// The pool is chained as a batch is: own number in the high half, the next one's in the low half.
template <FrameHost H>
void FrameAllocator<H>::push_pool(FrameRecord& record, base::Pfn frame) {
  record.set_link(frame.raw() << 32 | pool_head_);
  pool_head_ = uint32_t(frame.raw());
  pool_count_.template store<base::Order::relaxed>(
      pool_count_.template load<base::Order::relaxed>() + 1);
}

template <FrameHost H>
FrameRecord* FrameAllocator<H>::pop_pool() {
  const uint64_t count = pool_count_.template load<base::Order::relaxed>();
  if (count == 0) {
    return nullptr;
  }
  FrameRecord& record = records_->of(base::Pfn(pool_head_));
  const uint64_t link = record.link();
  record.set_link(link >> 32);
  pool_head_ = uint32_t(link);
  pool_count_.template store<base::Order::relaxed>(count - 1);
  return &record;
}

template <FrameHost H>
void FrameAllocator<H>::drain(CpuFrameCache& cache) {
  base::Guard guard(lock_);
  ++drains_;
  while (FrameRecord* record = cache.pop()) give_record(*record);
  while (FrameRecord* record = cache.pop_zeroed()) {
    stamp(base::Pfn(record->link()), 0);
    give_record(*record);
  }
}

template <FrameHost H>
void FrameAllocator<H>::drain_caches() {
  for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
    CpuFrameCache& cache = caches_[cpu];
    // Waiting longer could wait for the code that this call interrupted.
    for (unsigned turn = 0; turn < drain_patience; ++turn) {
      if (cache.try_enter()) {
        drain(cache);
        cache.leave();
        break;
      }
      host_.relax();
    }
  }
  base::Guard guard(lock_);
  while (!depot_.is_empty()) {
    // The lambda runs under the guard, which the analysis cannot see through the call.
    depot_.pop(*records_, host_.current_cpu(),
               [this](FrameRecord& record) BASE_NO_THREAD_SAFETY_ANALYSIS { give_record(record); });
  }
  while (FrameRecord* record = pop_pool()) {
    stamp(base::Pfn(record->link()), 0);
    give_record(*record);
  }
}

template <FrameHost H>
FrameStatistics FrameAllocator<H>::statistics() {
  FrameStatistics result;
  uint64_t cached = 0;
  uint64_t zeroed = 0;
  for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
    cached += caches_[cpu].frames();
    zeroed += caches_[cpu].zeroed_frames();
  }
  base::Guard guard(lock_);
  result.managed = managed();
  result.free = base::PageCount(free_pages());
  result.cached = base::PageCount(cached + depot_.frames());
  result.zeroed = base::PageCount(zeroed + pool_count_.template load<base::Order::relaxed>());
  result.emergency = base::PageCount(base::min(emergency_, free_pages()));
  result.largest_block =
      base::PageCount(base::max(zones_[0].largest_block_pages(), zones_[1].largest_block_pages()));
  for (unsigned order = 0; order < block_order_count; ++order) {
    result.free_blocks[order] = zones_[0].free_blocks(order) + zones_[1].free_blocks(order);
  }
  result.refills = refills_;
  result.drains = drains_;
  result.failures = failures_;
  return result;
}

template <FrameHost H>
void FrameAllocator<H>::check() {
  uint64_t stocked = 0;
  const auto check_stocked = [&](const FrameRecord& record) {
    BASE_CHECK(record.state() == FrameState::cached && record.order() == 0,
               "frame in a cache is not marked so");
    BASE_CHECK(record.references() == 0, "frame in a cache is referenced");
    ++stocked;
  };
  for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
    BASE_CHECK(caches_[cpu].try_enter(), "a CPU is inside its frame cache");
    caches_[cpu].for_each([&](const FrameRecord& record) {
      check_stocked(record);
      BASE_CHECK(&records_->of(base::Pfn(record.link())) == &record,
                 "frame in a cache does not know its number");
    });
    caches_[cpu].leave();
  }
  base::Guard guard(lock_);
  zones_[0].check(*records_);
  zones_[1].check(*records_);
  depot_.for_each(*records_, check_stocked);
  uint64_t at = pool_head_;
  for (uint64_t i = pool_count_.template load<base::Order::relaxed>(); i != 0; --i) {
    check_stocked(records_->of(base::Pfn(at)));
    at = uint32_t(records_->of(base::Pfn(at)).link());
  }
  uint64_t free = 0;
  uint64_t cached = 0;
  uint64_t used = 0;
  // A tail belongs to the last block head before it.
  uint64_t block_end = 0;
  records_->for_each([&](base::Pfn frame, const FrameRecord& record) {
    const FrameState state = record.state();
    if (state == FrameState::tail) {
      BASE_CHECK(frame.raw() < block_end, "tail frame outside every block");
      return;
    }
    BASE_CHECK(frame.raw() >= block_end || state == FrameState::reserved,
               "block head inside another block");
    if (state == FrameState::reserved) return;
    const uint64_t pages = state == FrameState::table ? 1 : block_pages(record.order()).raw();
    block_end = frame.raw() + pages;
    if (state == FrameState::free) free += pages;
    if (state == FrameState::cached) cached += pages;
    if (state >= FrameState::owned) used += pages;
  });
  BASE_CHECK(free == free_pages(), "frames marked free are not all in the lists");
  BASE_CHECK(cached == stocked, "frames marked cached are not all in a cache");
  BASE_CHECK(free + cached + used <= managed().raw(), "more frames than were added");
}

template <FrameHost H>
template <class Print>
void FrameAllocator<H>::dump(Print&& print) {
  const FrameStatistics now = statistics();
  print("frames managed", now.managed.raw());
  print("frames free", now.free.raw());
  print("frames cached", now.cached.raw());
  print("frames zeroed", now.zeroed.raw());
  print("frames in the emergency reserve", now.emergency.raw());
  print("frames in the largest block", now.largest_block.raw());
  print("cache refills", now.refills);
  print("cache drains", now.drains);
  print("requests failed", now.failures);
}

}  // namespace vm
