// MappingLeaf, MappingInner: the nodes of a mapping map; MappingNodePool: where they come from.
//
// Readers never lock: every field they read is atomic, and a leaf's version tells them whether
// what they read belongs together (even and unchanged: yes; odd: being edited, or retired for
// good). Inner nodes are covered by the map's one structure sequence. Writers are serialised by
// the owner of the map. Freed nodes keep their contents until the epoch in which a reader may
// still see them has passed.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/optional.h"
#include "vm/space/mapping.h"

namespace vm {

// Up to 16 mappings. A key is the first page of a mapping and, in its low four bits, the slot of
// the rest of it. So an insertion moves keys, never payloads, and a search ends with the slot in
// hand.
struct alignas(64) MappingLeaf {
  static constexpr unsigned capacity = 16;
  static constexpr unsigned thin = capacity / 4;  // worth joining with another
  static constexpr unsigned slot_bits = 4;
  static constexpr uint64_t slot_mask = capacity - 1;
  static constexpr uint32_t all_slots = 0xffff;
  static constexpr uint64_t no_key = ~uint64_t(0);           // of unused key places
  static constexpr uint64_t page_limit = uint64_t(1) << 59;  // above every page

  base::Atomic<uint64_t> version;
  // For writers only.
  uint32_t count;
  uint32_t free_slots;  // one bit each
  MappingLeaf* next;
  MappingLeaf* previous;
  uint64_t retired_at;
  MappingLeaf* pool_next;

  // keys[i]: of the i-th mapping, ascending. payload: end, attributes, object, its page.
  alignas(64) base::Atomic<uint64_t> keys[capacity];
  base::Atomic<uint64_t> payload[capacity][4];

  void reset();

  // The largest key that a mapping beginning at `page` can have.
  [[nodiscard]] static BASE_ALWAYS_INLINE uint64_t sought(uint64_t page) {
    return page << slot_bits | slot_mask;
  }
  // The last key <= sought(page), or the first key when there is none.
  [[nodiscard]] BASE_ALWAYS_INLINE const base::Atomic<uint64_t>* search(uint64_t page) const {
    const uint64_t last = sought(page);
    const base::Atomic<uint64_t>* at = keys;
    at = step(at, 8, last);
    at = step(at, 4, last);
    at = step(at, 2, last);
    at = step(at, 1, last);
    return at;
  }
  static BASE_ALWAYS_INLINE const base::Atomic<uint64_t>* step(const base::Atomic<uint64_t>* at,
                                                               unsigned by, uint64_t last) {
    return BASE_UNPREDICTABLE(at[by].template load<base::Order::relaxed>() <= last) ? at + by : at;
  }
  // The last place whose mapping begins at or before `page`; -1 when there is none.
  [[nodiscard]] BASE_ALWAYS_INLINE int place_of(uint64_t page) const {
    const base::Atomic<uint64_t>* at = search(page);
    return at->load<base::Order::relaxed>() <= sought(page) ? int(at - keys) : -1;
  }
  [[nodiscard]] uint64_t raw_key(unsigned place) const {
    return keys[place].load<base::Order::relaxed>();
  }
  [[nodiscard]] uint64_t key(unsigned place) const { return raw_key(place) >> slot_bits; }
  [[nodiscard]] unsigned slot(unsigned place) const { return unsigned(raw_key(place) & slot_mask); }
  [[nodiscard]] unsigned size() const { return count; }
  [[nodiscard]] BASE_ALWAYS_INLINE Mapping at_key(uint64_t key) const {
    const base::Atomic<uint64_t>* words = payload[key & slot_mask];
    Mapping mapping;
    mapping.first_ = key >> slot_bits;
    mapping.end_ = words[0].load<base::Order::relaxed>();
    mapping.attributes_ = words[1].load<base::Order::relaxed>();
    mapping.object_ = words[2].load<base::Order::relaxed>();
    mapping.object_page_ = words[3].load<base::Order::relaxed>();
    return mapping;
  }
  // place < count.
  [[nodiscard]] BASE_ALWAYS_INLINE Mapping get(unsigned place) const {
    return at_key(raw_key(place));
  }
  [[nodiscard]] uint64_t end_of(unsigned place) const {
    return payload[slot(place)][0].load<base::Order::relaxed>();
  }

  // Editing; the caller holds a LeafEdit.
  BASE_ALWAYS_INLINE void set(unsigned place, const Mapping& mapping) {
    put(place, slot(place), mapping);
  }
  void set_end(unsigned place, uint64_t end) {
    payload[slot(place)][0].store<base::Order::relaxed>(end);
  }
  // count < capacity.
  BASE_ALWAYS_INLINE void insert(unsigned place, const Mapping& mapping) {
    BASE_DCHECK(count < capacity && place <= count, "mapping leaf overflow");
    BASE_NO_UNROLL
    for (unsigned at = count; at > place; --at) {
      keys[at].store<base::Order::relaxed>(raw_key(at - 1));
    }
    const unsigned slot = base::count_trailing_zeros(free_slots);
    free_slots &= free_slots - 1;
    ++count;
    put(place, slot, mapping);
  }
  BASE_ALWAYS_INLINE void erase(unsigned place) {
    BASE_DCHECK(place < count, "erasing past the end of a mapping leaf");
    free_slots |= uint32_t(1) << slot(place);
    --count;
    BASE_NO_UNROLL
    for (unsigned at = place; at < count; ++at) {
      keys[at].store<base::Order::relaxed>(raw_key(at + 1));
    }
    keys[count].store<base::Order::relaxed>(no_key);
  }
  // Appends mappings [from, count) to `target` and drops them here. The caller edits both.
  void move_tail(unsigned from, MappingLeaf& target);

 private:
  BASE_ALWAYS_INLINE void put(unsigned place, unsigned slot, const Mapping& mapping) {
    keys[place].store<base::Order::relaxed>(mapping.first_ << slot_bits | slot);
    base::Atomic<uint64_t>* words = payload[slot];
    words[0].store<base::Order::relaxed>(mapping.end_);
    words[1].store<base::Order::relaxed>(mapping.attributes_);
    words[2].store<base::Order::relaxed>(mapping.object_);
    words[3].store<base::Order::relaxed>(mapping.object_page_);
  }
};

// Brackets the edit of one leaf: readers of it start again.
class LeafEdit {
 public:
  explicit LeafEdit(MappingLeaf& leaf) : leaf_(leaf) {
    const uint64_t version = leaf.version.load<base::Order::relaxed>();
    leaf.version.store<base::Order::relaxed>(version + 1);
    base::fence<base::Order::release>();
  }
  ~LeafEdit() {
    const uint64_t version = leaf_.version.load<base::Order::relaxed>();
    leaf_.version.store<base::Order::release>(version + 1);
  }
  LeafEdit(const LeafEdit&) = delete;
  LeafEdit& operator=(const LeafEdit&) = delete;

 private:
  MappingLeaf& leaf_;
};

// Up to 128 children. keys[i] <= every key in child i, keys[i + 1] > all of them. gaps[i] is at
// least the largest hole below a mapping of child i (from the mapping before it, wherever that is):
// raised at once, lowered only when a search finds it too high.
struct alignas(64) MappingInner {
  static constexpr unsigned capacity = 128;

  base::Atomic<uint32_t> count;
  // For writers only.
  uint64_t retired_at;
  MappingInner* pool_next;

  alignas(64) base::Atomic<uint64_t> keys[capacity];
  base::Atomic<uint64_t> children[capacity];  // addresses of nodes
  uint64_t gaps[capacity];                    // for writers only

  void reset();
  [[nodiscard]] unsigned size() const { return count.load<base::Order::relaxed>(); }
  [[nodiscard]] uint64_t key(unsigned place) const {
    return keys[place].load<base::Order::relaxed>();
  }
  // The last place whose key is <= page, or 0 when there is none.
  [[nodiscard]] BASE_ALWAYS_INLINE unsigned search(uint64_t page) const {
    const base::Atomic<uint64_t>* at = keys;
    if (count.load<base::Order::relaxed>() > 16) {
      at = MappingLeaf::step(at, 64, page);
      at = MappingLeaf::step(at, 32, page);
      at = MappingLeaf::step(at, 16, page);
    }
    at = MappingLeaf::step(at, 8, page);
    at = MappingLeaf::step(at, 4, page);
    at = MappingLeaf::step(at, 2, page);
    at = MappingLeaf::step(at, 1, page);
    return unsigned(at - keys);
  }
  [[nodiscard]] BASE_ALWAYS_INLINE uint64_t child_at(uint64_t page) const {
    return children[search(page)].load<base::Order::relaxed>();
  }
  [[nodiscard]] void* child(unsigned place) const {
    return reinterpret_cast<void*>(children[place].load<base::Order::relaxed>());
  }

  // Editing; the caller has made the map's sequence odd.
  void set_key(unsigned place, uint64_t key) { keys[place].store<base::Order::relaxed>(key); }
  void insert(unsigned place, uint64_t key, void* child, uint64_t gap);  // count < capacity
  void erase(unsigned place);
  void move_tail(unsigned from, MappingInner& target);
};

// Keeps the nodes of one map, cut from pages that the owner supplies before an edit and may take
// back afterwards. Not locked: the map's writer lock covers it.
class MappingNodePool {
 public:
  struct Page {
    void* memory;   // page_size bytes, as supplied
    uint64_t name;  // what the owner called it (a frame number)
  };

  MappingNodePool() = default;
  MappingNodePool(const MappingNodePool&) = delete;
  MappingNodePool& operator=(const MappingNodePool&) = delete;
  // Every page has been taken back (checked).
  ~MappingNodePool();

  // How many pages are missing for `leaves` leaves and `inners` inner nodes to be at hand.
  [[nodiscard]] BASE_ALWAYS_INLINE unsigned pages_short(unsigned leaves, unsigned inners) const {
    unsigned needed = inners;
    if (BASE_UNLIKELY(leaves > free_leaves_)) {
      needed += (leaves - free_leaves_ + leaves_per_page - 1) / leaves_per_page;
    }
    return needed > empty_pages_ ? needed - empty_pages_ : 0;
  }
  void add_page(Page page);
  // A page with no node in use.
  [[nodiscard]] base::Optional<Page> take_free_page();

  // Panics when none was reserved.
  [[nodiscard]] MappingLeaf* take_leaf();
  [[nodiscard]] MappingInner* take_inner();
  // Not handed out again before recycle() has seen the epoch pass.
  void retire(MappingLeaf* leaf);
  void retire(MappingInner* inner);
  // Nodes retired since the last seal() may be seen by readers that began up to epoch `stamp`.
  void seal(uint64_t stamp);
  // Makes nodes sealed with a stamp <= `passed` available.
  void recycle(uint64_t passed);
  [[nodiscard]] bool has_retired() const {
    return retired_leaves_ != nullptr || retired_inners_ != nullptr;
  }
  // Nodes handed out and not yet retired, for audits.
  [[nodiscard]] unsigned leaves_in_use() const { return leaves_in_use_; }
  [[nodiscard]] unsigned inners_in_use() const { return inners_in_use_; }
  [[nodiscard]] unsigned pages() const { return pages_; }
  // Pages that take_free_page() would return.
  [[nodiscard]] unsigned empty_pages() const { return empty_pages_; }

 private:
  struct PageHeader {
    PageHeader* next;      // in one of the lists below
    PageHeader* previous;  // same
    MappingLeaf* free_leaves;
    uint64_t name;
    uint32_t used;    // nodes not free
    uint32_t listed;  // in a list
  };
  static constexpr unsigned leaves_per_page =
      unsigned((base::page_size - sizeof(PageHeader)) / sizeof(MappingLeaf));
  static constexpr size_t node_offset = 64;
  static_assert(sizeof(PageHeader) <= node_offset);
  static_assert(node_offset + leaves_per_page * sizeof(MappingLeaf) <= base::page_size);
  static_assert(node_offset + sizeof(MappingInner) <= base::page_size);
  static constexpr uint64_t unsealed = ~uint64_t(0);

  static PageHeader* page_of(void* node);
  static void list_add(PageHeader*& list, PageHeader* page);
  static void list_remove(PageHeader*& list, PageHeader* page);
  void free_leaf(MappingLeaf* leaf);
  void free_inner(MappingInner* inner);

  PageHeader* partial_ = nullptr;  // leaf pages with a free leaf and a used one
  PageHeader* empty_ = nullptr;    // pages with nothing in use
  unsigned free_leaves_ = 0;       // in partial pages
  unsigned empty_pages_ = 0;
  unsigned pages_ = 0;
  unsigned leaves_in_use_ = 0;
  unsigned inners_in_use_ = 0;
  MappingLeaf* retired_leaves_ = nullptr;
  MappingInner* retired_inners_ = nullptr;
};

}  // namespace vm
