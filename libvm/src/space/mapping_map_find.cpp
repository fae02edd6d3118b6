// MappingMap: what the writer asks of it: neighbours, coverage, holes; and the memory it needs.
#include "base/check.h"
#include "vm/space/mapping_map.h"

namespace vm {

using base::Optional;
using base::Order;
using base::Vpn;
using base::VpnRange;

unsigned MappingMap::pages_short_for_append(size_t mappings) const {
  if (mappings <= MappingLeaf::capacity) return 0;
  const unsigned leaves = unsigned(mappings / (MappingLeaf::capacity - 1)) + 1;
  const unsigned inners = leaves / (MappingInner::capacity - 8) + max_height;
  return pool_.pages_short(leaves, inners);
}

const MappingLeaf* MappingMap::last_leaf() const {
  return seek(MappingLeaf::page_limit - 1).leaf;
}

Optional<Mapping> MappingMap::at_or_after(Vpn page) const {
  const Path& path = seek(page.raw());
  if (path.place >= 0 && path.leaf->end_of(unsigned(path.place)) > page.raw()) {
    return path.leaf->get(unsigned(path.place));
  }
  const unsigned next = unsigned(path.place + 1);
  if (next < path.leaf->size()) return path.leaf->get(next);
  if (path.leaf->next != nullptr) return path.leaf->next->get(0);
  return base::nothing;
}

Optional<Mapping> MappingMap::at_or_before(Vpn page) const {
  const Path& path = seek(page.raw());
  if (path.place >= 0) return path.leaf->get(unsigned(path.place));
  const MappingLeaf* before = path.leaf->previous;
  if (before == nullptr) return base::nothing;
  return before->get(before->size() - 1);
}

bool MappingMap::is_free(VpnRange range) const {
  const Optional<Mapping> next = at_or_after(range.first());
  return !next || next->first() >= range.end();
}

bool MappingMap::covers(VpnRange range) const {
  Vpn at = range.first();
  while (at < range.end()) {
    const Optional<Mapping> mapping = at_or_after(at);
    if (!mapping || mapping->first() > at) return false;
    at = mapping->end();
  }
  return true;
}

Optional<Vpn> MappingMap::fit(const GapRequest& request, uint64_t hole_first, uint64_t hole_end) {
  hole_first = base::max(hole_first, request.within.first().raw());
  hole_end = base::min(hole_end, request.within.end().raw());
  const uint64_t count = request.count.raw();
  if (hole_end < hole_first || hole_end - hole_first < count) return base::nothing;
  const uint64_t mask = request.alignment.raw() - 1;
  const uint64_t phase = request.phase.raw();
  if (request.fit == GapRequest::Fit::highest) {
    const uint64_t last = hole_end - count;
    const uint64_t excess = (last - phase) & mask;
    if (last - hole_first < excess) return base::nothing;
    return Vpn(last - excess);
  }
  const uint64_t excess = (phase - hole_first) & mask;
  if (hole_end - count - hole_first < excess) return base::nothing;
  return Vpn(hole_first + excess);
}

Optional<Vpn> MappingMap::gap_in_leaf(const GapRequest& request, const MappingLeaf& leaf,
                                      uint64_t& largest) {
  const bool highest = request.fit == GapRequest::Fit::highest;
  const unsigned size = leaf.size();
  largest = 0;
  for (unsigned count = 0; count < size; ++count) {
    const unsigned place = highest ? size - 1 - count : count;
    const uint64_t hole_first = end_before(leaf, int(place) - 1);
    uint64_t hole_end = leaf.key(place);
    largest = base::max(largest, hole_end - hole_first);
    if (hole_end - hole_first < request.count.raw()) continue;
    if (request.stack_guard.raw() != 0 && leaf.get(place).grows_down()) {
      hole_end -= base::min(hole_end - hole_first, request.stack_guard.raw());
    }
    if (Optional<Vpn> start = fit(request, hole_first, hole_end)) return start;
  }
  return base::nothing;
}

// Visits only children whose bound is large enough and whose holes can meet the window. The child
// after the window's end is one of them: the hole below its first mapping may begin inside.
Optional<Vpn> MappingMap::gap_in_node(const GapRequest& request, uint64_t node, uint64_t height,
                                      uint64_t& largest) {
  if (height == 0) {
    return gap_in_leaf(request, *reinterpret_cast<const MappingLeaf*>(node), largest);
  }
  auto& inner = *reinterpret_cast<MappingInner*>(node);
  const unsigned size = inner.size();
  const bool highest = request.fit == GapRequest::Fit::highest;
  const unsigned from = inner.search(request.within.first().raw());
  const unsigned to = base::min(inner.search(request.within.end().raw()) + 1, size - 1);
  for (unsigned count = 0; count <= to - from; ++count) {
    const unsigned place = highest ? to - count : from + count;
    if (inner.gaps[place] < request.count.raw()) continue;
    uint64_t below = 0;
    if (Optional<Vpn> start = gap_in_node(request, reinterpret_cast<uint64_t>(inner.child(place)),
                                          height - 1, below)) {
      return start;
    }
    inner.gaps[place] = below;
  }
  largest = 0;
  for (unsigned place = 0; place < size; ++place) {
    largest = base::max(largest, inner.gaps[place]);
  }
  return base::nothing;
}

Optional<Vpn> MappingMap::find_gap(const GapRequest& request) {
  BASE_CHECK(base::is_power_of_two(request.alignment.raw()), "alignment is not a power of two");
  if (request.count.is_zero()) return base::nothing;
  const MappingLeaf* last = last_leaf();
  const uint64_t top = last->size() == 0 ? end_before(*last, -1) : last->end_of(last->size() - 1);
  const uint64_t limit = request.within.end().raw();
  const bool highest = request.fit == GapRequest::Fit::highest;
  if (highest) {
    if (Optional<Vpn> start = fit(request, top, limit)) return start;
  }
  const uint64_t root = root_.load<Order::relaxed>();
  uint64_t largest = 0;
  if (Optional<Vpn> start = gap_in_node(request, root & ~uint64_t(63), root & 63, largest)) {
    return start;
  }
  return highest ? Optional<Vpn>() : fit(request, top, limit);
}

}  // namespace vm
