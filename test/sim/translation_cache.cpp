// See translation_cache.h.
#include "sim/translation_cache.h"

#include <algorithm>

namespace sim {

bool TranslationCache::add(const Walk& walk) {
  std::vector<Walk>& walks = walks_[walk.table.raw()];
  if (std::find(walks.begin(), walks.end(), walk) != walks.end()) return false;
  walks.push_back(walk);
  return true;
}

void TranslationCache::add(const CachedLeaf& leaf) {
  std::vector<CachedLeaf>& leaves = leaves_[key(leaf.prefix, leaf.level)];
  if (std::find(leaves.begin(), leaves.end(), leaf) != leaves.end()) return;
  leaves.push_back(leaf);
  ++leaf_count_;
}

void TranslationCache::forget_leaves(base::VpnRange pages, Global global) {
  for (auto it = leaves_.begin(); it != leaves_.end();) {
    std::vector<CachedLeaf>& leaves = it->second;
    if (leaves.front().pages().overlaps(pages)) {
      leaf_count_ -= leaves.size();
      std::erase_if(leaves,
                    [&](const CachedLeaf& leaf) { return global == Global::drop || !leaf.global; });
      leaf_count_ += leaves.size();
    }
    it = leaves.empty() ? leaves_.erase(it) : std::next(it);
  }
}

void TranslationCache::forget_walks(base::VpnRange pages) {
  for (auto it = walks_.begin(); it != walks_.end();) {
    std::erase_if(it->second, [&](const Walk& walk) { return walk.pages().overlaps(pages); });
    it = it->second.empty() ? walks_.erase(it) : std::next(it);
  }
}

void TranslationCache::forget_all(Global global) {
  walks_.clear();
  if (global == Global::drop) {
    leaves_.clear();
    leaf_count_ = 0;
    return;
  }
  for (auto it = leaves_.begin(); it != leaves_.end();) {
    leaf_count_ -= it->second.size();
    std::erase_if(it->second, [](const CachedLeaf& leaf) { return !leaf.global; });
    leaf_count_ += it->second.size();
    it = it->second.empty() ? leaves_.erase(it) : std::next(it);
  }
}

}  // namespace sim
