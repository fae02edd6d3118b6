// TranslationCache: everything one CPU may remember under one address-space tag.
//
// Two kinds of memory, as in real CPUs:
//   walks    "the table for this prefix is in this frame, under these limits": the live tables (the
//            CPU may walk them at any time) and those it walked before they were unlinked
//   leaves   translations whose entry has since been overwritten or cleared. A leaf still in memory
//            behind a walk is not repeated here: reading it now is always legal.
// Nothing is forgotten but by an invalidation that names it. What is cached is the closure of all
// that was legal at some moment since then: a CPU may speculate at any time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/page_range.h"
#include "sim/hardware.h"

namespace sim {

// A page-table page as reached for a prefix: it translates pages
// [prefix << 9 * level, (prefix + 1) << 9 * level), 512 entries of level `level`.
struct Walk {
  base::Pfn table;
  uint32_t generation = 0;  // of the frame, when it was reached
  uint8_t level = 0;        // of its entries
  uint64_t prefix = 0;
  Rights limit;

  [[nodiscard]] base::VpnRange pages() const {
    return base::VpnRange::of(base::Vpn(prefix << 9 * level), base::PageCount(1ULL << 9 * level));
  }
  [[nodiscard]] base::VpnRange entry_pages(unsigned index) const {
    return base::VpnRange::of(base::Vpn(((prefix << 9) + index) << 9 * (level - 1)),
                              base::PageCount(1ULL << 9 * (level - 1)));
  }
  [[nodiscard]] unsigned index_of(base::Vpn page) const {
    return unsigned(page.raw() >> 9 * (level - 1)) & 511;
  }
  friend bool operator==(const Walk&, const Walk&) = default;
};

struct CachedLeaf {
  base::Pfn frame;  // first of the leaf
  uint32_t generation = 0;
  uint8_t level = 0;
  uint64_t prefix = 0;  // page >> 9 * (level - 1)
  Rights rights;
  bool dirty = false;
  bool global = false;
  uint8_t memory_type = 0;

  [[nodiscard]] base::VpnRange pages() const {
    return base::VpnRange::of(base::Vpn(prefix << 9 * (level - 1)),
                              base::PageCount(1ULL << 9 * (level - 1)));
  }
  [[nodiscard]] base::PfnRange frames() const {
    return base::PfnRange::of(frame, base::PageCount(1ULL << 9 * (level - 1)));
  }
  [[nodiscard]] base::Pfn frame_of(base::Vpn page) const {
    return frame + (page - pages().first());
  }
  friend bool operator==(const CachedLeaf&, const CachedLeaf&) = default;
};

class TranslationCache {
 public:
  base::Pfn root;  // of the space that the tag was last activated for
  bool has_root = false;

  // False when it was there already.
  bool add(const Walk& walk);
  void add(const CachedLeaf& leaf);

  // The walks through `table`.
  template <class Visit>
  void for_each_walk_of(base::Pfn table, Visit&& visit) const {
    const auto found = walks_.find(table.raw());
    if (found == walks_.end()) return;
    for (size_t i = 0; i < found->second.size(); ++i) visit(Walk(found->second[i]));
  }
  template <class Visit>
  void for_each_walk(Visit&& visit) const {
    for (const auto& [table, walks] : walks_) {
      for (const Walk& walk : walks) visit(walk);
    }
  }
  template <class Visit>
  void for_each_leaf(Visit&& visit) const {
    for (const auto& [key, leaves] : leaves_) {
      for (const CachedLeaf& leaf : leaves) visit(leaf);
    }
  }
  template <class Visit>
  void for_each_leaf_at(base::Vpn page, Visit&& visit) const {
    if (leaves_.empty()) return;
    for (unsigned level = 1; level <= 3; ++level) {
      const auto found = leaves_.find(key(page.raw() >> 9 * (level - 1), level));
      if (found == leaves_.end()) continue;
      for (const CachedLeaf& leaf : found->second) visit(leaf);
    }
  }
  [[nodiscard]] bool walks_through(base::Pfn table) const { return walks_.contains(table.raw()); }
  [[nodiscard]] size_t leaf_count() const { return leaf_count_; }

  enum class Global : uint8_t { keep, drop };
  void forget_leaves(base::VpnRange pages, Global global);
  void forget_walks(base::VpnRange pages);
  void forget_all(Global global);

 private:
  static uint64_t key(uint64_t prefix, unsigned level) { return prefix << 2 | level; }

  std::unordered_map<uint64_t, std::vector<Walk>> walks_;         // by table
  std::unordered_map<uint64_t, std::vector<CachedLeaf>> leaves_;  // by prefix and level
  size_t leaf_count_ = 0;
};

}  // namespace sim
