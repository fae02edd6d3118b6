// The nodes of the mapping map: in-place edits, and the pool that cuts nodes from pages.
#include "vm/space/mapping_nodes.h"

#include "base/check.h"

namespace vm {

using base::Order;

void MappingLeaf::reset() {
  version.store<Order::relaxed>(0);
  count = 0;
  free_slots = all_slots;
  next = previous = nullptr;
  pool_next = nullptr;
  retired_at = 0;
  for (auto& key : keys) key.store<Order::relaxed>(no_key);
}

void MappingLeaf::move_tail(unsigned from, MappingLeaf& target) {
  for (unsigned at = from; at < count; ++at) {
    target.insert(target.count, get(at));
    free_slots |= uint32_t(1) << slot(at);
    keys[at].store<Order::relaxed>(no_key);
  }
  count = from;
}

void MappingInner::reset() {
  count.store<Order::relaxed>(0);
  pool_next = nullptr;
  retired_at = 0;
  for (unsigned at = 0; at < capacity; ++at) {
    keys[at].store<Order::relaxed>(MappingLeaf::no_key);
    children[at].store<Order::relaxed>(0);
    gaps[at] = 0;
  }
}

void MappingInner::insert(unsigned place, uint64_t key, void* child, uint64_t gap) {
  const unsigned n = size();
  BASE_DCHECK(n < capacity && place <= n, "inner mapping node overflow");
  for (unsigned at = n; at > place; --at) {
    children[at].store<Order::relaxed>(children[at - 1].load<Order::relaxed>());
    keys[at].store<Order::relaxed>(keys[at - 1].load<Order::relaxed>());
    gaps[at] = gaps[at - 1];
  }
  children[place].store<Order::relaxed>(reinterpret_cast<uint64_t>(child));
  keys[place].store<Order::relaxed>(key);
  gaps[place] = gap;
  count.store<Order::relaxed>(n + 1);
}

void MappingInner::erase(unsigned place) {
  const unsigned n = size();
  BASE_DCHECK(place < n, "erasing past the end of an inner mapping node");
  for (unsigned at = place + 1; at < n; ++at) {
    children[at - 1].store<Order::relaxed>(children[at].load<Order::relaxed>());
    keys[at - 1].store<Order::relaxed>(keys[at].load<Order::relaxed>());
    gaps[at - 1] = gaps[at];
  }
  keys[n - 1].store<Order::relaxed>(MappingLeaf::no_key);
  children[n - 1].store<Order::relaxed>(0);
  count.store<Order::relaxed>(n - 1);
}

void MappingInner::move_tail(unsigned from, MappingInner& target) {
  const unsigned n = size();
  unsigned to = target.size();
  for (unsigned at = from; at < n; ++at) {
    target.insert(to++, key(at), child(at), gaps[at]);
    keys[at].store<Order::relaxed>(MappingLeaf::no_key);
    children[at].store<Order::relaxed>(0);
  }
  count.store<Order::relaxed>(from);
}

// ---- MappingNodePool

MappingNodePool::~MappingNodePool() {
  BASE_CHECK(pages_ == 0, "mapping node pool destroyed with pages");
}

MappingNodePool::PageHeader* MappingNodePool::page_of(void* node) {
  return reinterpret_cast<PageHeader*>(
      base::align_down(reinterpret_cast<uint64_t>(node), base::page_size));
}

void MappingNodePool::list_add(PageHeader*& list, PageHeader* page) {
  page->next = list;
  page->previous = nullptr;
  if (list != nullptr) list->previous = page;
  list = page;
  page->listed = 1;
}

void MappingNodePool::list_remove(PageHeader*& list, PageHeader* page) {
  (page->previous != nullptr ? page->previous->next : list) = page->next;
  if (page->next != nullptr) page->next->previous = page->previous;
  page->listed = 0;
}

void MappingNodePool::add_page(Page page) {
  auto* header = static_cast<PageHeader*>(page.memory);
  BASE_CHECK(page_of(header) == header, "mapping node page is not page aligned");
  header->name = page.name;
  header->used = 0;
  header->free_leaves = nullptr;
  list_add(empty_, header);
  ++empty_pages_;
  ++pages_;
}

base::Optional<MappingNodePool::Page> MappingNodePool::take_free_page() {
  PageHeader* header = empty_;
  if (header == nullptr) return base::nothing;
  list_remove(empty_, header);
  --empty_pages_;
  --pages_;
  return Page{header, header->name};
}

MappingLeaf* MappingNodePool::take_leaf() {
  PageHeader* page = partial_;
  if (page == nullptr) {
    page = empty_;
    BASE_CHECK(page != nullptr, "mapping leaf not reserved");
    list_remove(empty_, page);
    --empty_pages_;
    page->free_leaves = nullptr;
    for (unsigned index = leaves_per_page; index-- > 0;) {
      auto* leaf = reinterpret_cast<MappingLeaf*>(reinterpret_cast<char*>(page) + node_offset +
                                                  index * sizeof(MappingLeaf));
      leaf->pool_next = page->free_leaves;
      page->free_leaves = leaf;
    }
    free_leaves_ += leaves_per_page;
    list_add(partial_, page);
  }
  MappingLeaf* leaf = page->free_leaves;
  page->free_leaves = leaf->pool_next;
  ++page->used;
  --free_leaves_;
  if (page->free_leaves == nullptr) list_remove(partial_, page);
  ++leaves_in_use_;
  leaf->reset();
  return leaf;
}

MappingInner* MappingNodePool::take_inner() {
  PageHeader* page = empty_;
  BASE_CHECK(page != nullptr, "inner mapping node not reserved");
  list_remove(empty_, page);
  --empty_pages_;
  page->used = 1;
  ++inners_in_use_;
  auto* inner = reinterpret_cast<MappingInner*>(reinterpret_cast<char*>(page) + node_offset);
  inner->reset();
  return inner;
}

void MappingNodePool::free_leaf(MappingLeaf* leaf) {
  PageHeader* page = page_of(leaf);
  if (page->free_leaves == nullptr) list_add(partial_, page);
  leaf->pool_next = page->free_leaves;
  page->free_leaves = leaf;
  ++free_leaves_;
  if (--page->used == 0) {
    list_remove(partial_, page);
    free_leaves_ -= leaves_per_page;
    list_add(empty_, page);
    ++empty_pages_;
  }
}

void MappingNodePool::free_inner(MappingInner* inner) {
  PageHeader* page = page_of(inner);
  page->used = 0;
  list_add(empty_, page);
  ++empty_pages_;
}

void MappingNodePool::retire(MappingLeaf* leaf) {
  // Odd for good: no reading of it is valid any more.
  const uint64_t version = leaf->version.load<Order::relaxed>();
  leaf->version.store<Order::release>(version | 1);
  leaf->retired_at = unsealed;
  leaf->pool_next = retired_leaves_;
  retired_leaves_ = leaf;
  --leaves_in_use_;
}

void MappingNodePool::retire(MappingInner* inner) {
  inner->retired_at = unsealed;
  inner->pool_next = retired_inners_;
  retired_inners_ = inner;
  --inners_in_use_;
}

// Lists are newest first, so the unsealed ones are in front and stamps descend.
void MappingNodePool::seal(uint64_t stamp) {
  for (MappingLeaf* leaf = retired_leaves_; leaf != nullptr && leaf->retired_at == unsealed;
       leaf = leaf->pool_next) {
    leaf->retired_at = stamp;
  }
  for (MappingInner* inner = retired_inners_; inner != nullptr && inner->retired_at == unsealed;
       inner = inner->pool_next) {
    inner->retired_at = stamp;
  }
}

void MappingNodePool::recycle(uint64_t passed) {
  MappingLeaf** leaf_link = &retired_leaves_;
  while (*leaf_link != nullptr &&
         ((*leaf_link)->retired_at == unsealed || (*leaf_link)->retired_at > passed)) {
    leaf_link = &(*leaf_link)->pool_next;
  }
  MappingLeaf* leaf = base::exchange(*leaf_link, nullptr);
  while (leaf != nullptr) {
    MappingLeaf* next = leaf->pool_next;
    free_leaf(leaf);
    leaf = next;
  }
  MappingInner** inner_link = &retired_inners_;
  while (*inner_link != nullptr &&
         ((*inner_link)->retired_at == unsealed || (*inner_link)->retired_at > passed)) {
    inner_link = &(*inner_link)->pool_next;
  }
  MappingInner* inner = base::exchange(*inner_link, nullptr);
  while (inner != nullptr) {
    MappingInner* next = inner->pool_next;
    free_inner(inner);
    inner = next;
  }
}

}  // namespace vm
