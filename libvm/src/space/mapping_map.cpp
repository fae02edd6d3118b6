// MappingMap: descent, insertion, removal, joining. find_gap and check have files of their own.
#include "vm/space/mapping_map.h"

#include "base/check.h"
#include "mapping_map_edit.h"

namespace vm {

using base::Order;
using base::Vpn;
using base::VpnRange;

MappingMap::~MappingMap() {
  BASE_CHECK(root_.load<Order::relaxed>() == 0, "mapping map destroyed before stop()");
}

void MappingMap::start() {
  BASE_CHECK(root_.load<Order::relaxed>() == 0, "mapping map started twice");
  root_.store<Order::release>(reinterpret_cast<uint64_t>(pool_.take_leaf()));
}

void MappingMap::stop() {
  const uint64_t root = root_.load<Order::relaxed>();
  if (root == 0) return;
  BASE_CHECK(size_ == 0 && (root & 63) == 0, "mapping map stopped with mappings");
  pool_.retire(reinterpret_cast<MappingLeaf*>(root));
  root_.store<Order::relaxed>(0);
  recent_ = {};
}

// Everything of `path` but its place.
void MappingMap::walk(uint64_t page, Path& path) const {
  const uint64_t root = root_.load<Order::relaxed>();
  uint64_t node = root & ~uint64_t(63);
  path.height = unsigned(root & 63);
  path.low = 0;
  path.high = MappingLeaf::no_key;
  for (unsigned level = path.height; level-- > 0;) {
    auto* inner = reinterpret_cast<MappingInner*>(node);
    const unsigned index = inner->search(page);
    path.inner[level] = inner;
    path.index[level] = index;
    path.low = inner->key(index);
    if (index + 1 < inner->size()) path.high = inner->key(index + 1);
    node = inner->children[index].load<Order::relaxed>();
  }
  path.leaf = reinterpret_cast<MappingLeaf*>(node);
}

void MappingMap::descend(uint64_t page, Path& path) const {
  walk(page, path);
  path.place = path.leaf->place_of(page);
}

// A bound is never below its children's, so the first that suffices ends the way up.
BASE_ALWAYS_INLINE void MappingMap::raise_gap(const Path& path, uint64_t gap) {
  for (unsigned level = 0; level < path.height; ++level) {
    uint64_t& bound = path.inner[level]->gaps[path.index[level]];
    if (bound >= gap) return;
    bound = gap;
  }
}

BASE_ALWAYS_INLINE void MappingMap::hole_grew_after(const Path& path, int place) {
  const uint64_t hole_first = end_before(*path.leaf, place);
  const unsigned next = unsigned(place + 1);
  if (BASE_LIKELY(next < path.leaf->size())) {
    raise_gap(path, path.leaf->key(next) - hole_first);
  } else if (path.leaf->next != nullptr) {
    next_hole_grew(*path.leaf->next, hole_first);
  }
}

void MappingMap::next_hole_grew(const MappingLeaf& leaf, uint64_t hole_first) {
  Path there;
  descend(leaf.key(0), there);
  raise_gap(there, leaf.key(0) - hole_first);
}

void MappingMap::move_separator(const Path& path, uint64_t to) {
  StructureEdit structure(*this);
  LeafEdit edit(*path.leaf);  // a hole read here may now be another leaf's
  if (path.leaf->previous != nullptr) {
    LeafEdit other(*path.leaf->previous);
  }
  for (unsigned level = 0; level < path.height; ++level) {
    path.inner[level]->set_key(path.index[level], to);
    if (path.index[level] != 0) return;
  }
}

void MappingMap::count_full(unsigned before, unsigned after) {
  constexpr unsigned limit = MappingInner::capacity - 2;
  full_inners_ += unsigned(after > limit) - unsigned(before > limit);
}

void MappingMap::insert_child(Path& path, unsigned level, uint64_t key, void* child, uint64_t gap) {
  if (level == path.height) {
    BASE_CHECK(level < max_height, "mapping map too high");
    const uint64_t root = root_.load<Order::relaxed>();
    MappingInner* inner = pool_.take_inner();
    inner->insert(0, 0, reinterpret_cast<void*>(root & ~uint64_t(63)), ~uint64_t(0));
    inner->insert(1, key, child, gap);
    root_.store<Order::release>(reinterpret_cast<uint64_t>(inner) | ((root & 63) + 1));
    path.inner[level] = inner;
    path.index[level] = 0;
    ++path.height;
    return;
  }
  MappingInner* inner = path.inner[level];
  const unsigned size = inner->size();
  if (size == MappingInner::capacity) {
    const unsigned at = path.index[level];
    const unsigned from = at + 1 == size ? size - 8 : at == 0 ? 8 : size / 2;
    MappingInner* right = pool_.take_inner();
    inner->move_tail(from, *right);
    insert_child(path, level + 1, right->key(0), right, ~uint64_t(0));
    count_full(size, inner->size());
    count_full(0, right->size());
    if (at >= from) {
      path.inner[level] = inner = right;
      path.index[level] = at - from;
      ++path.index[level + 1];
    }
  }
  const unsigned before = inner->size();
  inner->insert(path.index[level] + 1, key, child, gap);
  count_full(before, before + 1);
}

// Leaves path at the half that path.place is in. Uneven at the ends, so that ascending and
// descending series of mappings fill their leaves.
void MappingMap::split_leaf(Path& path) {
  StructureEdit structure(*this);
  MappingLeaf* left = path.leaf;
  constexpr unsigned capacity = MappingLeaf::capacity;
  const unsigned from = path.place == int(capacity) - 1 ? capacity - 1
                        : path.place <= 0               ? 1
                                                        : capacity / 2;
  MappingLeaf* right = pool_.take_leaf();
  {
    LeafEdit edit(*left);
    left->move_tail(from, *right);
  }
  right->previous = left;
  right->next = left->next;
  if (left->next != nullptr) left->next->previous = right;
  left->next = right;
  const uint64_t gap = path.height == 0 ? ~uint64_t(0) : path.inner[0]->gaps[path.index[0]];
  insert_child(path, 0, right->key(0), right, gap);
  if (path.place >= int(from)) {
    path.leaf = right;
    path.place -= int(from);
    ++path.index[0];
  }
}

BASE_ALWAYS_INLINE void MappingMap::insert_after(Path& path, const Mapping& mapping) {
  if (path.leaf->size() == MappingLeaf::capacity) split_leaf(path);
  MappingLeaf& leaf = *path.leaf;
  const unsigned next = unsigned(path.place + 1);
  // Only part of a hole that the leaf's bound knows of, unless that was the next leaf's.
  if (next == leaf.size()) {
    raise_gap(path, mapping.first_ - base::min(end_before(leaf, path.place), mapping.first_));
  }
  LeafEdit edit(leaf);
  leaf.insert(next, mapping);
  ++size_;
}

// Inside a leaf with room, touching nothing: the usual case, without the rest of the work.
MappingMap::Insertion MappingMap::insert_if_free(const Mapping& mapping) {
  Path& path = seek(mapping.first_);
  MappingLeaf& leaf = *path.leaf;
  const unsigned next = unsigned(path.place + 1);
  if (BASE_LIKELY(next - 1 < leaf.size() - 1 && leaf.size() < MappingLeaf::capacity &&
                  leaf.end_of(next - 1) < mapping.first_ && mapping.end_ < leaf.key(next))) {
    LeafEdit edit(leaf);
    leaf.insert(next, mapping);
    ++size_;
    mapped_pages_ += mapping.end_ - mapping.first_;
    return Insertion::done;
  }
  return insert_at(path, mapping);
}

MappingMap::Insertion MappingMap::insert_at(Path& path, const Mapping& mapping) {
  MappingLeaf& leaf = *path.leaf;
  const unsigned next = unsigned(path.place + 1);
  bool joins_before = false;
  if (path.place >= 0) {
    const uint64_t end = leaf.end_of(unsigned(path.place));
    if (end > mapping.first_) return Insertion::occupied;
    joins_before = end == mapping.first_ && leaf.get(unsigned(path.place)).continues_in(mapping);
  }
  bool joins_next = false;
  const MappingLeaf* next_leaf = next < leaf.size() ? &leaf : leaf.next;
  if (next_leaf != nullptr) {
    const unsigned next_place = next_leaf == &leaf ? next : 0;
    const uint64_t key = next_leaf->key(next_place);
    if (key < mapping.end_) return Insertion::occupied;
    joins_next = key == mapping.end_ && mapping.continues_in(next_leaf->get(next_place));
  }
  if (BASE_UNLIKELY(mapping.end_ > path.high)) {
    // The hole reaches into the next leaf's span: take it over.
    Path there;
    descend(path.high, there);
    move_separator(there, mapping.end_);
  }
  mapped_pages_ += mapping.end_ - mapping.first_;
  if (joins_before) {
    {
      LeafEdit edit(leaf);
      leaf.set_end(unsigned(path.place), mapping.end_);
    }
    if (mapping.object_ != 0) holder_.release_not_last(*mapping.object());
  } else {
    const bool joins_previous_leaf = path.place < 0 && end_before(leaf, -1) == mapping.first_;
    insert_after(path, mapping);
    if (joins_previous_leaf) merge_at(mapping.first());
  }
  if (joins_next) merge_at(mapping.end());
  return Insertion::done;
}

void MappingMap::append(const Mapping& mapping) {
  Path& path = seek(MappingLeaf::page_limit - 1);
  BASE_CHECK(path.place < 0 || path.leaf->end_of(unsigned(path.place)) <= mapping.first_,
             "mapping appended out of order");
  mapped_pages_ += mapping.end_ - mapping.first_;
  insert_after(path, mapping);
}

// Readers see the whole mapping until both parts are there.
void MappingMap::cut(Path& path, uint64_t end, uint64_t rest) {
  const Mapping whole = path.leaf->get(unsigned(path.place));
  const Mapping tail = whole.moved(Vpn(rest), VpnRange(Vpn(rest), whole.end()));
  if (whole.object_ != 0) holder_.retain(*whole.object());
  if (path.leaf->size() < MappingLeaf::capacity) {
    {
      LeafEdit edit(*path.leaf);
      path.leaf->set_end(unsigned(path.place), end);
      path.leaf->insert(unsigned(path.place + 1), tail);
    }
    ++size_;
    if (end != rest) raise_gap(path, rest - end);
    return;
  }
  StructureEdit structure(*this);
  insert_after(path, tail);
  Path head;
  descend(whole.first_, head);
  {
    LeafEdit edit(*head.leaf);
    head.leaf->set_end(unsigned(head.place), end);
  }
  if (end != rest) hole_grew_after(head, head.place);
}

void MappingMap::split_at(Vpn page) {
  const uint64_t at = page.raw();
  Path& path = seek(at);
  if (path.place < 0 || path.leaf->key(unsigned(path.place)) == at ||
      path.leaf->end_of(unsigned(path.place)) <= at) {
    return;
  }
  cut(path, at, at);
}

void MappingMap::replace(const Mapping& mapping) {
  Path& path = seek(mapping.first_);
  BASE_CHECK(path.place >= 0 && path.leaf->key(unsigned(path.place)) == mapping.first_ &&
                 path.leaf->end_of(unsigned(path.place)) == mapping.end_,
             "replacing a mapping that is not there");
  LeafEdit edit(*path.leaf);
  path.leaf->set(unsigned(path.place), mapping);
}

BASE_ALWAYS_INLINE void MappingMap::erase_place(const Path& path, unsigned place) {
  MappingLeaf& leaf = *path.leaf;
  {
    LeafEdit edit(leaf);
    leaf.erase(place);
  }
  --size_;
  hole_grew_after(path, int(place) - 1);
  if (BASE_UNLIKELY(leaf.size() <= MappingLeaf::thin)) leaf_became_thin(path);
}

void MappingMap::merge_at(Vpn page) {
  const uint64_t at = page.raw();
  Path& path = seek(at);
  if (path.place < 0 || path.leaf->key(unsigned(path.place)) != at) return;
  const Mapping second = path.leaf->get(unsigned(path.place));
  if (path.place > 0) {
    const unsigned place = unsigned(path.place);
    if (!path.leaf->get(place - 1).continues_in(second)) return;
    {
      LeafEdit edit(*path.leaf);
      path.leaf->set_end(place - 1, second.end_);
      path.leaf->erase(place);
    }
    --size_;
    if (path.leaf->size() <= MappingLeaf::thin) leaf_became_thin(path);
  } else {
    MappingLeaf* before = path.leaf->previous;
    if (before == nullptr || !before->get(before->size() - 1).continues_in(second)) return;
    StructureEdit structure(*this);
    {
      LeafEdit edit(*before);
      before->set_end(before->size() - 1, second.end_);
    }
    move_separator(path, second.end_);
    erase_place(path, 0);
  }
  if (second.object_ != 0) holder_.release_not_last(*second.object());
}

void MappingMap::extend_down(Vpn first, Vpn to) {
  Path& path = seek(first.raw());
  BASE_CHECK(path.place >= 0 && path.leaf->key(unsigned(path.place)) == first.raw(),
             "extending a mapping that is not there");
  BASE_CHECK(end_before(*path.leaf, path.place - 1) <= to.raw() && to <= first,
             "extending a mapping over another");
  StructureEdit structure(*this);
  if (path.place == 0 && path.leaf->previous != nullptr) move_separator(path, to.raw());
  LeafEdit edit(*path.leaf);
  const Mapping old = path.leaf->get(unsigned(path.place));
  path.leaf->set(unsigned(path.place), old.moved(to, VpnRange(to, old.end())));
  mapped_pages_ += first.raw() - to.raw();
}

base::Optional<Mapping> MappingMap::take_first(VpnRange range) {
  Path& path = seek(range.first().raw());
  if (BASE_LIKELY(path.place >= 0)) {
    const Mapping whole = path.leaf->get(unsigned(path.place));
    if (BASE_LIKELY(whole.first() == range.first() && whole.end() <= range.end())) {
      mapped_pages_ -= whole.end_ - whole.first_;
      erase_place(path, unsigned(path.place));
      return whole;
    }
  }
  return take_part(path, range);
}

// What take_first() takes is not just where the range begins, or not wholly in it.
base::Optional<Mapping> MappingMap::take_part(Path& path, VpnRange range) {
  const uint64_t first = range.first().raw();
  const uint64_t end = range.end().raw();
  if (first == end) return base::nothing;
  MappingLeaf& leaf = *path.leaf;
  if (path.place >= 0 && leaf.key(unsigned(path.place)) < first &&
      leaf.end_of(unsigned(path.place)) > first) {
    // The range begins inside this mapping.
    const unsigned place = unsigned(path.place);
    const Mapping whole = leaf.get(place);
    const Mapping piece = whole.part(range);
    if (whole.object_ != 0) holder_.retain(*whole.object());
    mapped_pages_ -= piece.end_ - piece.first_;
    if (whole.end_ > end) {
      cut(path, first, end);
    } else {
      {
        LeafEdit edit(leaf);
        leaf.set_end(place, first);
      }
      hole_grew_after(path, path.place);
    }
    return piece;
  }
  if (path.place < 0 || leaf.key(unsigned(path.place)) != first) {
    // The first mapping after `first`, if it begins inside the range.
    const unsigned next = unsigned(path.place + 1);
    if (next < leaf.size()) {
      if (leaf.key(next) >= end) return base::nothing;
      path.place = int(next);
    } else {
      if (leaf.next == nullptr || leaf.next->key(0) >= end) return base::nothing;
      descend(leaf.next->key(0), path);
    }
  }
  const unsigned place = unsigned(path.place);
  const Mapping whole = path.leaf->get(place);
  if (whole.end_ > end) {
    if (whole.object_ != 0) holder_.retain(*whole.object());
    {
      LeafEdit edit(*path.leaf);
      path.leaf->set(place, whole.moved(range.end(), VpnRange(range.end(), whole.end())));
    }
    hole_grew_after(path, path.place - 1);
    mapped_pages_ -= end - whole.first_;
    return whole.part(range);
  }
  mapped_pages_ -= whole.end_ - whole.first_;
  erase_place(path, place);
  return whole;
}

void MappingMap::leaf_became_thin(const Path& path) {
  if (path.height == 0) return;
  if (path.leaf->size() == 0) {
    remove_leaf(path);
  } else {
    join_leaves(path);
  }
}

void MappingMap::remove_leaf(const Path& path) {
  StructureEdit structure(*this);
  MappingLeaf* leaf = path.leaf;
  if (leaf->next != nullptr) leaf->next->previous = leaf->previous;
  if (leaf->previous != nullptr) leaf->previous->next = leaf->next;
  remove_child(path, 0, path.index[0]);
  pool_.retire(leaf);
  shrink_root();
}

// The neighbour that inherits the span keeps its gap bound: what grew was raised before.
void MappingMap::remove_child(const Path& path, unsigned level, unsigned index) {
  MappingInner* inner = path.inner[level];
  const unsigned size = inner->size();
  const uint64_t lowest = inner->key(0);
  inner->erase(index);
  count_full(size, size - 1);
  if (size == 1) {
    BASE_CHECK(level + 1 < path.height, "mapping map lost its root");
    remove_child(path, level + 1, path.index[level + 1]);
    pool_.retire(inner);
    return;
  }
  if (index == 0) {
    // What follows takes over the span, down to the leaf.
    MappingInner* first = inner;
    for (unsigned at = level; true; --at) {
      first->set_key(0, lowest);
      if (at == 0) break;
      first = static_cast<MappingInner*>(first->child(0));
    }
  }
  if (size - 1 > MappingInner::capacity / 8 || level + 1 >= path.height) return;
  // A thin node: join it with a neighbour under the same parent if both fill half a node at most.
  MappingInner* parent = path.inner[level + 1];
  const unsigned own = path.index[level + 1];
  const unsigned left_index = own + 1 < parent->size() ? own : own - 1;
  if (parent->size() < 2) return;
  auto* left = static_cast<MappingInner*>(parent->child(left_index));
  auto* right = static_cast<MappingInner*>(parent->child(left_index + 1));
  if (left->size() + right->size() > MappingInner::capacity / 2) return;
  right->move_tail(0, *left);
  parent->gaps[left_index] = base::max(parent->gaps[left_index], parent->gaps[left_index + 1]);
  remove_child(path, level + 1, left_index + 1);
  pool_.retire(right);
}

void MappingMap::shrink_root() {
  while (true) {
    const uint64_t root = root_.load<Order::relaxed>();
    auto* inner = reinterpret_cast<MappingInner*>(root & ~uint64_t(63));
    if ((root & 63) == 0 || inner->size() > 1) return;
    root_.store<Order::release>(reinterpret_cast<uint64_t>(inner->child(0)) | ((root & 63) - 1));
    pool_.retire(inner);
  }
}

// Joins a thin leaf with a neighbour under the same parent if together they fill half a leaf at
// most.
void MappingMap::join_leaves(const Path& path) {
  const MappingInner* inner = path.inner[0];
  if (inner->size() < 2) return;
  const unsigned own = path.index[0];
  const unsigned left_index = own + 1 < inner->size() ? own : own - 1;
  auto* left = static_cast<MappingLeaf*>(inner->child(left_index));
  auto* right = static_cast<MappingLeaf*>(inner->child(left_index + 1));
  if (left->size() + right->size() > MappingLeaf::capacity / 2) return;
  StructureEdit structure(*this);
  {
    LeafEdit edit(*left);
    right->move_tail(0, *left);
  }
  left->next = right->next;
  if (right->next != nullptr) right->next->previous = left;
  path.inner[0]->gaps[left_index] = base::max(inner->gaps[left_index], inner->gaps[left_index + 1]);
  remove_child(path, 0, left_index + 1);
  pool_.retire(right);
  shrink_root();
}

}  // namespace vm
