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
    Invalidate what = Invalidate::leaf;
  };

  [[nodiscard]] bool empty() const { return count_ == 0 && !everything_; }
  [[nodiscard]] bool is_everything() const { return everything_; }
  // Only if not everything.
  [[nodiscard]] unsigned size() const { return count_; }
  [[nodiscard]] const Item& operator[](unsigned index) const { return items_[index]; }

  // Adjacent to the last one and of its kind, or part of it: joined.
  void add(base::VpnRange pages, Invalidate what) {
    if (everything_ || pages.empty()) return;
    if (count_ != 0 && items_[count_ - 1].pages.contains(pages)) {
      if (what == Invalidate::walk) items_[count_ - 1].what = what;
      return;
    }
    pages_ += pages.count().raw();
    if (BASE_UNLIKELY(pages_ > page_threshold)) {
      add_everything();
      return;
    }
    if (count_ != 0) {
      Item& last = items_[count_ - 1];
      if (last.what == what && last.pages.end() == pages.first()) {
        last.pages = {last.pages.first(), pages.end()};
        return;
      }
    }
    if (BASE_UNLIKELY(count_ == capacity)) {
      add_everything();
      return;
    }
    items_[count_++] = {pages, what};
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
  uint64_t pages_ = 0;
  unsigned count_ = 0;
  bool everything_ = false;
  Item items_[capacity];
};

}  // namespace vm
