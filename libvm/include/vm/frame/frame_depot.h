// FrameDepot: batches of single frames on their way between CPUs' caches, so that a run of puts on
// one CPU followed by a run of gets, there or on another, costs the buddy lists nothing.
//
// A batch is CpuFrameCache::batch frames chained by their records' links: own number in the high
// half, the next one's in the low half. A CPU gets back what it gave last, which its cache may
// still have, else what has been here longest, which no other is likely to have. Locks: the
// allocator's guards it.
#pragma once

#include <stdint.h>

#include "base/check.h"
#include "vm/frame/cpu_frame_cache.h"
#include "vm/frame/frame_records.h"

namespace vm {

class FrameDepot {
 public:
  static constexpr uint32_t capacity = 128;  // batches: 16 MiB

  // How many batches are kept at most.
  void set_limit(uint32_t batches) { limit_ = batches < capacity ? batches : capacity; }
  [[nodiscard]] bool is_full() const { return count_ >= limit_; }
  [[nodiscard]] bool is_empty() const { return count_ == 0; }
  [[nodiscard]] uint64_t frames() const { return uint64_t(count_) * CpuFrameCache::batch; }

  // From `cpu`. Each frame's link holds its number. Not full.
  void push(FrameRecord* const (&batch)[CpuFrameCache::batch], uint32_t cpu) {
    uint64_t next = 0;
    for (FrameRecord* record : batch) {
      const uint64_t own = record->link();
      record->set_link(own << 32 | next);
      next = own;
    }
    givers_[count_] = cpu;
    heads_[count_++] = uint32_t(next);
  }
  // Calls take(FrameRecord&) for each frame of a batch for `cpu`, its link as it was. Not empty.
  template <class Take>
  void pop(const FrameRecords& records, uint32_t cpu, Take&& take) {
    uint64_t at = remove(place_for(cpu));
    for (uint32_t i = 0; i < CpuFrameCache::batch; ++i) {
      FrameRecord& record = records.of(base::Pfn(at));
      const uint64_t link = record.link();
      BASE_DCHECK(link >> 32 == at, "frame batch is not chained");
      record.set_link(at);
      at = uint32_t(link);
      take(record);
    }
  }
  template <class Visit>
  void for_each(const FrameRecords& records, Visit&& visit) const {
    for (uint32_t i = 0; i < count_; ++i) {
      uint64_t at = heads_[i];
      for (uint32_t n = 0; n < CpuFrameCache::batch; ++n) {
        const FrameRecord& record = records.of(base::Pfn(at));
        visit(record);
        at = uint32_t(record.link());
      }
    }
  }

 private:
  [[nodiscard]] uint32_t place_for(uint32_t cpu) const {
    uint32_t place = count_;
    while (place != 0 && givers_[place - 1] != cpu) --place;
    return place == 0 ? 0 : place - 1;
  }
  uint32_t remove(uint32_t place) {
    const uint32_t head = heads_[place];
    --count_;
    for (; place < count_; ++place) {
      heads_[place] = heads_[place + 1];
      givers_[place] = givers_[place + 1];
    }
    return head;
  }

  uint32_t count_ = 0;
  uint32_t limit_ = capacity;
  uint32_t heads_[capacity] = {};  // in the order in which they came
  uint32_t givers_[capacity] = {};
};

}  // namespace vm
