// MappingMap: the mappings of one address space, ordered and non-overlapping: what may be there.
//
// A B+ tree made for this one key. Readers take no lock and write nothing: find() descends, and
// the Reading it returns stays checkable until the reader's epoch ends: unchanged() is true exactly
// while the mapping found (or the hole) is still what the map says, so a fault can ask again
// under the lock of the page table it fills. A reader starts again only when an edit of the very
// leaf, or of the tree's structure, crossed it; edits never wait, allocate or fail.
//
// Writers are serialised by the owner (the space's lock). Everything that can run out is reserved
// first: prepare() says how many pages the next edit may lack; edits after that cannot fail.
//
// References: each mapping with an object holds one reference to it, through ObjectHolder: a split
// takes one more, a merge gives one back, a removed mapping hands its own to the caller.
//
// Costs (n mappings): everything O(log n); find_gap O(log n) amortised over edits.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/optional.h"
#include "base/span.h"
#include "vm/space/mapping.h"
#include "vm/space/mapping_nodes.h"

namespace vm {

// How the map counts its references to objects. release_not_last is never the last reference.
class ObjectHolder {
 public:
  virtual void retain(MemoryObject& object) = 0;
  virtual void release_not_last(MemoryObject& object) = 0;

 protected:
  ~ObjectHolder() = default;
};

class MappingMap {
 public:
  // What a reader found at one page. Valid within the reader's epoch section.
  class Reading {
   public:
    // False: a hole.
    [[nodiscard]] bool found() const { return found_; }
    // Only if found().
    [[nodiscard]] const Mapping& mapping() const { return mapping_; }
    // Whether the map still says so. Acquire: what is read before is not newer than the answer.
    [[nodiscard]] BASE_ALWAYS_INLINE bool unchanged() const {
      base::fence<base::Order::acquire>();
      return leaf_->version.load<base::Order::relaxed>() == version_;
    }

   private:
    friend class MappingMap;
    Mapping mapping_;
    const MappingLeaf* leaf_ = nullptr;
    uint64_t version_ = 0;
    bool found_ = false;
  };

  // Where find_gap may place a range.
  struct GapRequest {
    base::PageCount count;
    base::PageCount alignment{1};  // a power of two
    base::PageCount phase{0};      // the start is congruent to this, modulo alignment
    base::VpnRange within;
    base::PageCount stack_guard{0};  // kept free below a mapping that grows down
    enum class Fit : uint8_t { highest, lowest } fit = Fit::highest;
  };

  // Edits that one prepare() covers.
  struct EditSize {
    unsigned insertions;  // mappings that the edit may add, splits included
  };

  explicit MappingMap(ObjectHolder& holder) : holder_(holder) {}
  // Before anything else, once a page has been supplied.
  void start();
  // Gives up the last node of an empty map; then only the pool's pages are left to take back.
  void stop();
  MappingMap(const MappingMap&) = delete;
  MappingMap& operator=(const MappingMap&) = delete;
  // Never started or stopped, its pages taken back (checked).
  ~MappingMap();

  // ---- Readers, in an epoch section; any number, beside one writer.

  [[nodiscard]] BASE_ALWAYS_INLINE Reading find(base::Vpn page) const {
    Reading reading;
    const uint64_t at = page.raw();
    do {
      const MappingLeaf* leaf = locate(at, reading.version_);
      reading.leaf_ = leaf;
      const uint64_t key = leaf->search(at)->load<base::Order::relaxed>();
      reading.mapping_ = leaf->at_key(key);
      reading.found_ = key <= MappingLeaf::sought(at) && at < reading.mapping_.end_;
    } while (BASE_UNLIKELY(!reading.unchanged()));
    return reading;
  }

  // ---- The writer.

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] base::PageCount pages() const { return base::PageCount(mapped_pages_); }

  // Pages to supply() before an edit of this size cannot fail.
  [[nodiscard]] BASE_ALWAYS_INLINE unsigned pages_short(EditSize edit) const {
    const unsigned height = unsigned(root_.load<base::Order::relaxed>() & 63);
    if (height == 0 && size_ + edit.insertions <= MappingLeaf::capacity) return 0;
    // Each insertion splits at most one leaf; an inner node splits only when it was full.
    const bool inner_may_split = height == 0 || full_inners_ != 0 || edit.insertions > 2;
    const unsigned inners = inner_may_split ? edit.insertions * (height + 1) : 0;
    return pool_.pages_short(edit.insertions, inners);
  }
  // The same for a map that shall take `mappings` by append().
  [[nodiscard]] unsigned pages_short_for_append(size_t mappings) const;
  void supply(MappingNodePool::Page page) { pool_.add_page(page); }
  [[nodiscard]] MappingNodePool& pool() { return pool_; }

  // The mapping that contains `page`, or else the first one after it.
  [[nodiscard]] base::Optional<Mapping> at_or_after(base::Vpn page) const;
  // The last mapping that begins at or before `page`.
  [[nodiscard]] base::Optional<Mapping> at_or_before(base::Vpn page) const;
  // True when nothing overlaps `range`.
  [[nodiscard]] bool is_free(base::VpnRange range) const;
  // True when no page of `range` is a hole.
  [[nodiscard]] bool covers(base::VpnRange range) const;
  // Nothing: no such hole. Lowers gap bounds that it finds too high.
  [[nodiscard]] base::Optional<base::Vpn> find_gap(const GapRequest& request);

  // Adds a mapping where nothing is, joining it with neighbours that continue it; takes over the
  // caller's reference to its object. Prepared: 1 insertion.
  void insert(const Mapping& mapping) {
    BASE_CHECK(insert_if_free(mapping) == Insertion::done, "mapping inserted over another");
  }
  enum class Insertion : uint8_t { done, occupied };
  // The same; occupied: something overlaps it, nothing has changed.
  [[nodiscard]] Insertion insert_if_free(const Mapping& mapping);
  // Removes the first piece that lies in `range` and returns it with a reference to its object;
  // nothing when none is left (so none is left after a piece that ends with the range). Prepared: 1
  // insertion for all pieces of one range.
  [[nodiscard]] base::Optional<Mapping> take_first(base::VpnRange range);
  // Makes `page` a boundary between mappings if it is inside one. Prepared: 1 insertion.
  void split_at(base::Vpn page);
  // Gives the mapping that begins at `mapping.first()` and ends at its end new attributes.
  void replace(const Mapping& mapping);
  // Joins the mappings that meet at `page` when the second continues the first.
  void merge_at(base::Vpn page);
  // Moves the lower end of the mapping that begins at `first` down to `to`, over a hole, backing
  // continued downwards. No insertion.
  void extend_down(base::Vpn first, base::Vpn to);

  // Adds after everything else; no joining. The map is private to the caller (being built).
  void append(const Mapping& mapping);

  // Every mapping that overlaps `range`, whole, in order; `visit(const Mapping&)`.
  template <class Visit>
  void for_each(base::VpnRange range, Visit&& visit) const {
    for (base::Vpn at = range.first(); at < range.end();) {
      const base::Optional<Mapping> mapping = at_or_after(at);
      if (!mapping || mapping->first() >= range.end()) return;
      visit(*mapping);
      at = mapping->end();
    }
  }

  // Panics with the invariant that does not hold.
  void check() const;

 private:
  static constexpr unsigned max_height = 8;  // of inner nodes: 2 * 64^7 leaves at the least

  // The way to a leaf. place: the last entry whose key is <= the page sought, -1 when none.
  struct Path {
    uint64_t low;  // the leaf's span: every key in it is in [low, high)
    uint64_t high;
    unsigned height;
    MappingInner* inner[max_height];
    unsigned index[max_height];
    MappingLeaf* leaf;
    int place;
  };

  // The leaf whose span has `at`, and its version; one less when it is being edited, which no later
  // version is. The same is done with the sequence.
  [[nodiscard]] BASE_ALWAYS_INLINE const MappingLeaf* locate(uint64_t at, uint64_t& version) const {
    while (true) {
      const uint64_t sequence = sequence_.load<base::Order::acquire>() & ~uint64_t(1);
      const uint64_t root = root_.load<base::Order::acquire>();
      uint64_t node = root & ~uint64_t(63);
      for (uint64_t height = root & 63; height != 0; --height) {
        node = reinterpret_cast<const MappingInner*>(node)->child_at(at);
        // A place being edited may be empty; pointers in others are good until this epoch ends.
        if (BASE_UNLIKELY(node == 0)) break;
      }
      if (BASE_UNLIKELY(node == 0)) continue;
      const auto* leaf = reinterpret_cast<const MappingLeaf*>(node);
      version = leaf->version.load<base::Order::acquire>() & ~uint64_t(1);
      if (BASE_LIKELY(sequence_.load<base::Order::relaxed>() == sequence)) return leaf;
    }
  }

  class StructureEdit;
  struct Walk;

  // The way to the leaf whose span has `page`, which stays as it is until the next seek(); its low
  // and high also until the structure changes.
  BASE_ALWAYS_INLINE Path& seek(uint64_t page) const {
    Path& path = recent_;
    if (BASE_UNLIKELY(page - path.low >= path.high - path.low)) walk(page, path);
    path.place = path.leaf->place_of(page);
    return path;
  }
  // The same, for a second way beside that one.
  void descend(uint64_t page, Path& path) const;
  void walk(uint64_t page, Path& path) const;
  [[nodiscard]] const MappingLeaf* last_leaf() const;
  // The end of the mapping at `place`, or when that is -1 of the one before the leaf; 0: none.
  [[nodiscard]] static BASE_ALWAYS_INLINE uint64_t end_before(const MappingLeaf& leaf, int place) {
    if (place >= 0) return leaf.end_of(unsigned(place));
    return leaf.previous == nullptr ? 0 : leaf.previous->end_of(leaf.previous->size() - 1);
  }
  static void raise_gap(const Path& path, uint64_t gap);
  // The hole below the mapping after path.place has grown.
  void hole_grew_after(const Path& path, int place);
  // The hole below the first mapping of `leaf` now begins at `hole_first`.
  void next_hole_grew(const MappingLeaf& leaf, uint64_t hole_first);
  // Moves the lower end of the span of path.leaf, over a hole.
  void move_separator(const Path& path, uint64_t to);
  // The same as insert_if_free() and take_first(), of every kind.
  BASE_NOINLINE Insertion insert_at(Path& path, const Mapping& mapping);
  BASE_NOINLINE base::Optional<Mapping> take_part(Path& path, base::VpnRange range);
  // Puts `mapping` after path.place, splitting the leaf if it is full.
  void insert_after(Path& path, const Mapping& mapping);
  void split_leaf(Path& path);
  void insert_child(Path& path, unsigned level, uint64_t key, void* child, uint64_t gap);
  // Cuts the mapping at path.place: it ends at `end`, the rest begins at `rest`.
  void cut(Path& path, uint64_t end, uint64_t rest);
  void erase_place(const Path& path, unsigned place);
  void remove_leaf(const Path& path);
  void remove_child(const Path& path, unsigned level, unsigned index);
  // What has at most MappingLeaf::thin mappings left is removed or joined with another.
  void leaf_became_thin(const Path& path);
  void join_leaves(const Path& path);
  void shrink_root();
  void count_full(unsigned before, unsigned after);
  [[nodiscard]] static base::Optional<base::Vpn> fit(const GapRequest& request, uint64_t hole_first,
                                                     uint64_t hole_end);
  [[nodiscard]] static base::Optional<base::Vpn> gap_in_leaf(const GapRequest& request,
                                                             const MappingLeaf& leaf,
                                                             uint64_t& largest);
  [[nodiscard]] base::Optional<base::Vpn> gap_in_node(const GapRequest& request, uint64_t node,
                                                      uint64_t height, uint64_t& largest);
  uint64_t check_node(Walk& walk, uint64_t node, uint64_t height, uint64_t low,
                      uint64_t high) const;

  // Readers' line.
  base::Atomic<uint64_t> root_;      // address of the root | number of inner levels
  base::Atomic<uint64_t> sequence_;  // odd while the structure changes

  ObjectHolder& holder_;
  size_t size_ = 0;
  uint64_t mapped_pages_ = 0;
  unsigned full_inners_ = 0;  // inner nodes with fewer than 2 free places
  MappingNodePool pool_;
  // Where the writer was last; high is 0 once the structure has changed.
  mutable Path recent_{};
};

// Between a change of the mapping map and the change of the tables that follows it: a fault that
// does not see the first is seen by the second.
inline void publish_mappings() {
  base::fence<base::Order::sequential>();
}

}  // namespace vm
