// TlbRanges: what one operation wants forgotten, in a few ranges or, past a threshold, everything.
#pragma once

#include "base/page_range.h"
#include "vm/seam/mmu_ops.h"

// Pages past which forgetting everything is cheaper than page after page.
#if !defined(VM_TLB_PAGE_THRESHOLD)
#define VM_TLB_PAGE_THRESHOLD 33
#endif

namespace vm {

class TlbRanges {
 public:
  static constexpr unsigned capacity = 4;
  static constexpr uint64_t page_threshold = VM_TLB_PAGE_THRESHOLD;
  static_assert(page_threshold >= 1 && page_threshold <= 1u << 20);

  struct Item {
    base::VpnRange pages;
    Invalidate what;
  };

  [[nodiscard]] bool empty() const { return count_ == 0 && !everything_; }
  [[nodiscard]] bool is_everything() const { return everything_; }
  // Only if not everything.
  [[nodiscard]] unsigned size() const { return count_; }
  [[nodiscard]] Item operator[](unsigned index) const {
    const Kept& kept = items_[index];
    return {{base::Vpn(kept.first), base::Vpn(kept.end)}, kept.what};
  }

  // Adjacent to the last one and of its kind, or part of it: joined.
  void add(base::VpnRange pages, Invalidate what) {
    if (everything_ || pages.empty()) return;
    const uint64_t first = pages.first().raw();
    const uint64_t end = pages.end().raw();
    Kept* last = count_ == 0 ? nullptr : &items_[count_ - 1];
    if (last != nullptr && last->first <= first && end <= last->end) {
      if (what == Invalidate::walk) last->what = what;
      return;
    }
    pages_ += pages.count().raw();
    if (BASE_UNLIKELY(pages_ > page_threshold)) {
      add_everything();
      return;
    }
    if (last != nullptr && last->what == what && last->end == first) {
      last->end = end;
      return;
    }
    if (BASE_UNLIKELY(count_ == capacity)) {
      add_everything();
      return;
    }
    items_[count_++] = {first, end, what};
  }
  void add_everything() {
    everything_ = true;
    count_ = 0;
  }
  void clear() {
    everything_ = false;
    count_ = 0;
    pages_ = 0;
  }

 private:
  struct Kept {
    uint64_t first;
    uint64_t end;
    Invalidate what;
  };

  uint64_t pages_ = 0;
  unsigned count_ = 0;
  bool everything_ = false;
  Kept items_[capacity];
};

}  // namespace vm
