// MappingMap::check: every invariant of the tree, from the leaves up.
#include "base/check.h"
#include "vm/space/mapping_map.h"

namespace vm {

using base::Order;

struct MappingMap::Walk {
  const MappingLeaf* last = nullptr;  // the leaf visited before
  uint64_t end = 0;                   // of the mapping visited before
  uint64_t pages = 0;
  size_t mappings = 0;
  unsigned leaves = 0;
  unsigned inners = 0;
  unsigned full = 0;
};

// The largest hole below a mapping of this subtree.
uint64_t MappingMap::check_node(Walk& walk, uint64_t node, uint64_t height, uint64_t low,
                                uint64_t high) const {
  uint64_t largest = 0;
  if (height == 0) {
    const auto& leaf = *reinterpret_cast<const MappingLeaf*>(node);
    ++walk.leaves;
    BASE_CHECK((leaf.version.load<Order::relaxed>() & 1) == 0, "mapping leaf left in an edit");
    BASE_CHECK(leaf.previous == walk.last, "mapping leaves out of order");
    BASE_CHECK(walk.last == nullptr || walk.last->next == &leaf, "mapping leaves out of order");
    walk.last = &leaf;
    const unsigned size = leaf.size();
    BASE_CHECK(size <= MappingLeaf::capacity, "mapping leaf overfull");
    BASE_CHECK(size != 0 || (low == 0 && high == MappingLeaf::no_key), "empty mapping leaf");
    uint32_t slots = leaf.free_slots;
    for (unsigned place = 0; place < MappingLeaf::capacity; ++place) {
      if (place >= size) {
        BASE_CHECK(leaf.raw_key(place) == MappingLeaf::no_key, "stale mapping key");
        continue;
      }
      const uint32_t slot = uint32_t(1) << leaf.slot(place);
      BASE_CHECK((slots & slot) == 0, "slot of a mapping leaf used twice");
      slots |= slot;
    }
    BASE_CHECK(slots == MappingLeaf::all_slots, "slot of a mapping leaf lost");
    for (unsigned place = 0; place < size; ++place) {
      const Mapping mapping = leaf.get(place);
      BASE_CHECK(mapping.first_ < mapping.end_, "empty mapping");
      BASE_CHECK(mapping.first_ >= walk.end, "mappings overlap");
      BASE_CHECK(mapping.first_ >= low && mapping.end_ <= high, "mapping outside its leaf's span");
      BASE_CHECK(mapping.max_access().has(mapping.access()), "mapping exceeds its rights");
      largest = base::max(largest, mapping.first_ - walk.end);
      walk.end = mapping.end_;
      walk.pages += mapping.end_ - mapping.first_;
      ++walk.mappings;
    }
    return largest;
  }
  const auto& inner = *reinterpret_cast<const MappingInner*>(node);
  ++walk.inners;
  const unsigned size = inner.size();
  BASE_CHECK(size >= 1 && size <= MappingInner::capacity, "inner mapping node's size");
  walk.full += size > MappingInner::capacity - 2;
  BASE_CHECK(inner.key(0) == low, "inner mapping node begins elsewhere than its span");
  for (unsigned place = 0; place < MappingInner::capacity; ++place) {
    if (place >= size) {
      BASE_CHECK(inner.child(place) == nullptr && inner.key(place) == MappingLeaf::no_key,
                 "stale inner mapping entry");
      continue;
    }
    const uint64_t from = inner.key(place);
    const uint64_t to = place + 1 < size ? inner.key(place + 1) : high;
    BASE_CHECK(from < to, "inner mapping keys out of order");
    const uint64_t below =
        check_node(walk, reinterpret_cast<uint64_t>(inner.child(place)), height - 1, from, to);
    BASE_CHECK(below <= inner.gaps[place], "gap bound too low");
    if (height > 1) {
      const auto* child = static_cast<const MappingInner*>(inner.child(place));
      for (unsigned at = 0; at < child->size(); ++at) {
        BASE_CHECK(child->gaps[at] <= inner.gaps[place], "gap bound below a child's");
      }
    }
    largest = base::max(largest, below);
  }
  return largest;
}

void MappingMap::check() const {
  const uint64_t root = root_.load<Order::relaxed>();
  BASE_CHECK(root != 0, "mapping map not started");
  BASE_CHECK((sequence_.load<Order::relaxed>() & 1) == 0, "mapping map left in an edit");
  BASE_CHECK(
      (root & 63) == 0 || reinterpret_cast<const MappingInner*>(root & ~uint64_t(63))->size() > 1,
      "mapping map with a needless root");
  Walk walk;
  (void)check_node(walk, root & ~uint64_t(63), root & 63, 0, MappingLeaf::no_key);
  BASE_CHECK(walk.last->next == nullptr, "mapping leaves out of order");
  BASE_CHECK(walk.mappings == size_, "mapping count");
  BASE_CHECK(walk.pages == mapped_pages_, "mapped page count");
  BASE_CHECK(walk.full == full_inners_, "count of full inner mapping nodes");
  BASE_CHECK(walk.leaves == pool_.leaves_in_use() && walk.inners == pool_.inners_in_use(),
             "mapping nodes leaked");
}

}  // namespace vm
