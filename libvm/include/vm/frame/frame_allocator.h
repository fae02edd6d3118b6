// FrameAllocator: hands out RAM in blocks of 4 KiB to 1 GiB.
//
// Single frames come from the current CPU's cache (CpuFrameCache): no shared cache line is touched
// until it runs empty or full, then a batch moves under one lock between it and the depot, which
// hands batches from CPU to CPU, or the shared buddy lists. Frames that idle time has filled with
// zeros are kept apart and given to those who ask for zeros. Larger blocks, limits and contiguous
// runs go to the shared lists directly.
//
// A frame given out has state `owned`, one reference (the caller's) and the order it was asked
// with; its link belongs to the owner. free() takes it back, from whoever drops the last reference.
//
// Emergency reserve: the last `emergency` frames of the shared lists are given only to requests
// with Urgency::reclaim, whose holders promise to free more than they take.
//
// Boot: boot() carves all storage out of the given memory; it needs no heap and nothing else up.
// Tear-down: forget it. Several allocators may coexist on disjoint memory with their own records.
//
// Locks taken: one CPU's cache bit, then the allocator lock (rank allocator); neither is held when
// a function returns. Callers may hold anything of lower rank. Context: any that the host's Lock
// allows; nothing blocks. Errors: Error::out_of_memory unless said otherwise; state unchanged.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/optional.h"
#include "base/page_range.h"
#include "base/span.h"
#include "vm/frame/buddy_lists.h"
#include "vm/frame/cpu_frame_cache.h"
#include "vm/frame/frame_depot.h"
#include "vm/frame/frame_host.h"
#include "vm/frame/frame_poison.h"
#include "vm/frame/frame_records.h"
#include "vm/frame/frame_statistics.h"

namespace vm {

enum class Urgency : uint8_t {
  normal,
  reclaim,  // may use the emergency reserve
};

enum class Contents : uint8_t {
  unknown,
  zero,
};

struct BlockRequest {
  unsigned order = 0;
  base::Pfn limit{FrameRecords::frame_limit};  // the block ends at or below it
  Urgency urgency = Urgency::normal;
};

inline constexpr base::Pfn below_4gib{1ULL << (32 - base::page_shift)};

// Where frames may be had when none is left: those that wait for readers (Epochs::relieve).
// `relieve` gives them back with free() and the like, as far as that needs no waiting. Called with
// no lock of the allocator's held, and whatever locks the caller of the allocator holds.
struct FrameRelief {
  void* context = nullptr;
  void (*relieve)(void* context) = nullptr;
};

template <FrameHost H>
class FrameAllocator {
 public:
  using Host = H;

  explicit FrameAllocator(H& host) : host_(host) {}
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  // ---- Start

  // All in one: records for `ram` (ascending, everything that may ever be added), caches for
  // `cpus` CPUs, both carved out of `free` (part of `ram`), the rest of which becomes allocatable.
  // The host's window must be contiguous over the carved range.
  // Error::invalid_argument: bad ranges; out_of_memory: no range of `free` can hold the storage;
  // not_supported: RAM above 16 TiB. After an error the object is as new.
  [[nodiscard]] base::Status boot(base::Span<const base::PfnRange> ram,
                                  base::Span<const base::PfnRange> free, uint32_t cpus);

  // The same with storage of the caller's: `caches` for as many CPUs as there may be, aligned as
  // CpuFrameCache is. Nothing is allocatable yet.
  [[nodiscard]] base::Status init(FrameRecords& records, base::Span<CpuFrameCache> caches);

  // Makes frames allocatable. Error::invalid_argument: some have no record or are not reserved.
  [[nodiscard]] base::Status add(base::PfnRange frames);

  void set_emergency_reserve(base::PageCount pages);
  // For one at a time. Nothing is being allocated meanwhile.
  void set_relief(FrameRelief relief) { relief_ = relief; }
  // How many zeroed frames idle time prepares at most (0 at first).
  void set_zeroed_target(base::PageCount pages);

  // ---- Single frames

  [[nodiscard]] base::Result<base::Pfn> allocate(Contents contents = Contents::unknown,
                                                 Urgency urgency = Urgency::normal) {
    if (is_refused()) return failed();
    return contents == Contents::zero ? allocate_zeroed(urgency) : allocate_any(urgency);
  }

  // Takes back a frame or a block by its head. The caller holds the only reference (1) or has
  // dropped the last (0).
  void free(base::Pfn head) {
    FrameRecord* record = records_->in_main_range(head);
    if (BASE_UNLIKELY(record == nullptr)) return free_elsewhere(head);
    free_record(*record, head);
  }

  // The same for a single frame that is filled with zeros: it is kept for those who ask for such.
  void free_zeroed(base::Pfn frame);

  // Drops one reference of the caller's; frees when it was the last.
  void drop(base::Pfn head) {
    FrameRecord& record = records_->of(head);
    if (record.drop_references() == 0) free_record(record, head);
  }

  // For Epochs: what becomes of a retired frame when no reader can see it. An object's page loses
  // the reference of its object; anything else is freed.
  void reclaim(base::Pfn frame) {
    if (records_->of(frame).state() == FrameState::object_page) {
      drop(frame);
    } else {
      free(frame);
    }
  }

  // ---- Blocks

  [[nodiscard]] base::Result<base::Pfn> allocate_block(BlockRequest request);

  // `pages` frames in a row, each owned by itself (order 0, one reference), at most 1 GiB.
  // Error::invalid_argument: none, or more than 1 GiB.
  [[nodiscard]] base::Result<base::PfnRange> allocate_contiguous(
      base::PageCount pages, base::Pfn limit = base::Pfn(FrameRecords::frame_limit));

  // Turns a block whose only reference is the caller's into blocks of `order`, each with that
  // state and one reference. `order` is at most the block's.
  void split(base::Pfn head, unsigned order);

  // ---- Idle time, pressure

  // Zeroes one free frame for the pool; false when there is nothing to do. For the idle loop, with
  // no lock held.
  bool zero_one();

  // Returns the caches' frames of all CPUs, and the zeroed pool, to the shared lists, so that they
  // merge. A CPU that is inside its cache keeps what it has.
  void drain_caches();

  // ---- Looking

  // After boot() or init().
  [[nodiscard]] FrameRecords& records() {
    BASE_DCHECK(records_ != nullptr, "frame allocator not initialised");
    return *records_;
  }
  [[nodiscard]] H& host() { return host_; }
  // How many CPUs it has caches for; 0 before init.
  [[nodiscard]] uint32_t cpus() const { return cpus_; }
  [[nodiscard]] FrameStatistics statistics();
  // Frames ever given to it, for the price of a load.
  [[nodiscard]] base::PageCount managed() const {
    return base::PageCount(managed_.template load<base::Order::relaxed>());
  }
  // Panics on a broken invariant. Nothing else may run meanwhile.
  void check();
  // Calls print(const char* label, uint64_t value) for each line of the statistics.
  template <class Print>
  void dump(Print&& print);

 private:
  static constexpr unsigned drain_patience = 64;  // turns of waiting for a CPU inside its cache

  BuddyLists& zone_of(base::Pfn frame) BASE_REQUIRES(lock_) {
    return zones_[frame < below_4gib ? 0 : 1];
  }
  uint64_t free_pages() const BASE_REQUIRES(lock_) {
    return zones_[0].free_pages() + zones_[1].free_pages();
  }
  CpuFrameCache& cache_of_this_cpu() {
    const uint32_t cpu = host_.current_cpu();
    BASE_CHECK(cpu < cpus_, "CPU number past the frame caches");
    return caches_[cpu];
  }

  base::Optional<base::Pfn> take_block(const BlockRequest& request) BASE_REQUIRES(lock_);
  void give_block(base::Pfn head, unsigned order) BASE_REQUIRES(lock_) {
    zone_of(head).insert(*records_, head, order);
  }
  void give_run(base::PfnRange frames) BASE_REQUIRES(lock_);
  void push_pool(FrameRecord& record, base::Pfn frame) BASE_REQUIRES(lock_);
  FrameRecord* pop_pool() BASE_REQUIRES(lock_);

  // For hosts that watch frames, see FrameHost; nothing for others.
  bool is_refused() {
    if constexpr (requires { host_.refuse_allocation(); }) {
      return host_.refuse_allocation();
    } else {
      return false;
    }
  }
  void note_taken(base::Pfn head, unsigned order) {
    if constexpr (requires { host_.note_taken(head); }) {
      for (uint64_t i = 0; i < block_pages(order).raw(); ++i) {
        host_.note_taken(base::Pfn(head.raw() + i));
      }
    }
  }
  void note_freed(base::PfnRange frames) {
    if constexpr (requires { host_.note_freed(frames.first()); }) {
      for (uint64_t at = frames.first().raw(); at < frames.end().raw(); ++at) {
        host_.note_freed(base::Pfn(at));
      }
    }
  }

  base::Result<base::Pfn> allocate_any(Urgency urgency);
  base::Result<base::Pfn> allocate_zeroed(Urgency urgency);
  void free_record(FrameRecord& record, base::Pfn head);
  void free_single(FrameRecord& record, base::Pfn frame);
  BASE_NOINLINE void free_elsewhere(base::Pfn head) { free_record(records_->of(head), head); }
  BASE_NOINLINE void free_uncommon(FrameRecord& record, base::Pfn head);

  base::Pfn hand_out(FrameRecord& record, Contents have);
  void hand_out_block(base::Pfn head, unsigned order);
  void fill_with_zeros(base::Pfn frame);
  void stamp(base::Pfn head, unsigned order);
  FrameRecord& mark_cached(base::Pfn frame);
  base::Error failed();

  BASE_NOINLINE FrameRecord* refill(CpuFrameCache& cache, Urgency urgency) BASE_REQUIRES(cache);
  BASE_NOINLINE FrameRecord* refill_zeroed(CpuFrameCache& cache) BASE_REQUIRES(cache);
  BASE_NOINLINE void spill(CpuFrameCache& cache, FrameRecord& extra) BASE_RELEASE(cache);
  BASE_NOINLINE base::Result<base::Pfn> allocate_refilling(CpuFrameCache& cache, Urgency urgency)
      BASE_RELEASE(cache);
  BASE_NOINLINE base::Result<base::Pfn> allocate_shared(Contents contents, Urgency urgency);
  BASE_NOINLINE void free_shared(base::Pfn head, unsigned order);
  void gather();
  void drain(CpuFrameCache& cache) BASE_REQUIRES(cache);
  void give_record(FrameRecord& record) BASE_REQUIRES(lock_) {
    give_block(base::Pfn(record.link()), 0);
  }

  H& host_;
  FrameRecords* records_ = nullptr;
  CpuFrameCache* caches_ = nullptr;
  uint32_t cpus_ = 0;
  FrameRelief relief_;
  base::Atomic<uint64_t> managed_{0};  // grows with the lock held
  FrameRecords own_records_;           // of boot()

  // Looked at by every CPU that wants zeros, written when the pool changes (under the lock).
  alignas(128) base::Atomic<uint64_t> pool_count_{0};

  // Written under the lock alone; on lines of its own.
  alignas(128) typename H::Lock lock_ = base::lock_of<typename H::Lock>(base::LockRank::allocator);
  BuddyLists zones_[2] BASE_GUARDED_BY(lock_);  // below 4 GiB, above
  FrameDepot depot_ BASE_GUARDED_BY(lock_);
  uint64_t emergency_ BASE_GUARDED_BY(lock_) = 0;
  uint32_t pool_head_ BASE_GUARDED_BY(lock_) = 0;  // zeroed frames, chained
  uint64_t zeroed_target_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t refills_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t drains_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t failures_ BASE_GUARDED_BY(lock_) = 0;
};

}  // namespace vm

#include "vm/frame/frame_allocator_impl.h"
