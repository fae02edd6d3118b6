// PageIndex: which slot says what is known of a page of an object: a radix tree of 4 KiB nodes.
//
// Each node has 512 words, at the lowest level one for each page, above one for each child node.
// The tree grows in height with the highest page; nodes are made when a slot is first wanted. A
// slot's meaning is the owner's, but an empty one is 0.
//
// Readers: find() takes no lock, inside an epoch section. Writers hold the owner's lock. Nodes that
// prune() takes out are freed by epoch.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/result.h"
#include "vm/epoch/epochs.h"
#include "vm/frame/frame_allocator.h"
#include "vm/object/memory_object.h"

namespace vm {

// F: a FrameAllocator, or what has its allocate, free, drop, records and host.
template <class F>
class PageIndex {
 public:
  using Slot = base::Atomic<uint64_t>;
  using Readers = Epochs<typename F::Host>;

  static constexpr uint64_t page_limit = 1ULL << 52;  // pages of 64-bit offsets

  PageIndex(F& frames, Readers& epochs) : frames_(frames), epochs_(epochs) {}
  PageIndex(const PageIndex&) = delete;
  PageIndex& operator=(const PageIndex&) = delete;
  ~PageIndex() { BASE_CHECK(root_.load<base::Order::relaxed>() == 0, "page index leaked"); }

  // nullptr: there is no node for it, so the slot would be empty.
  [[nodiscard]] Slot* find(ObjectPage page) const;
  // Makes nodes if need be. Error::out_of_memory: nothing visible has changed.
  [[nodiscard]] base::Result<Slot*> make(ObjectPage page);

  // visit(ObjectPage, Slot&) for every slot of `range` that is not empty, ascending; stops when it
  // returns false.
  template <class Visit>
  void for_each(ObjectRange range, Visit&& visit) const {
    const uint64_t root = root_.load<base::Order::acquire>();
    if (root != 0 && !range.empty()) {
      (void)visit_node(root_node(root), height_of(root), 0, range, visit);
    }
  }

  // Gives up nodes that only serve pages from `first` on, all of whose slots are empty.
  void prune(ObjectPage first);
  // Frees every node at once: all slots are empty, no reader is left.
  void destroy();
  // Frames used by nodes.
  [[nodiscard]] uint64_t nodes() const { return nodes_; }

 private:
  static constexpr unsigned bits = 9;
  static constexpr unsigned fanout = 1u << bits;

  // A root word: the node's frame and the height (1: its slots are pages). A child word: its frame
  // and a bit that makes it differ from 0.
  static constexpr uint64_t root_word(base::Pfn node, unsigned height) {
    return node.raw() << 4 | height;
  }
  static constexpr base::Pfn root_node(uint64_t word) { return base::Pfn(word >> 4); }
  static constexpr unsigned height_of(uint64_t root) { return unsigned(root & 15); }
  static constexpr uint64_t child_word(base::Pfn node) { return node.raw() << 1 | 1; }
  static constexpr base::Pfn child_node(uint64_t word) { return base::Pfn(word >> 1); }

  static constexpr uint64_t span_of(unsigned height) { return 1ULL << (bits * height); }
  static constexpr unsigned place(uint64_t page, unsigned height) {
    return unsigned(page >> (bits * (height - 1))) % fanout;
  }
  Slot* slots(base::Pfn node) const { return static_cast<Slot*>(frames_.host().window(node)); }

  base::Result<base::Pfn> new_node();
  template <class Visit>
  bool visit_node(base::Pfn node, unsigned height, uint64_t first, ObjectRange range,
                  Visit& visit) const;
  void prune_node(base::Pfn node, unsigned height, uint64_t node_first, uint64_t first);
  enum class Drop : uint8_t { by_epoch, now };
  void drop_node(base::Pfn node, unsigned height, Drop how);

  F& frames_;
  Readers& epochs_;
  Slot root_{0};
  uint64_t nodes_ = 0;  // under the owner's lock
};

template <class F>
typename PageIndex<F>::Slot* PageIndex<F>::find(ObjectPage page) const {
  const uint64_t root = root_.template load<base::Order::acquire>();
  unsigned height = height_of(root);
  if (root == 0 || page.raw() >= span_of(height)) {
    return nullptr;
  }
  base::Pfn node = root_node(root);
  for (; height > 1; --height) {
    const uint64_t child =
        slots(node)[place(page.raw(), height)].template load<base::Order::acquire>();
    if (child == 0) return nullptr;
    node = child_node(child);
  }
  return &slots(node)[place(page.raw(), 1)];
}

template <class F>
base::Result<base::Pfn> PageIndex<F>::new_node() {
  base::Result<base::Pfn> node = frames_.allocate(Contents::zero);
  if (node.ok()) ++nodes_;
  return node;
}

template <class F>
base::Result<typename PageIndex<F>::Slot*> PageIndex<F>::make(ObjectPage page) {
  BASE_CHECK(page.raw() < page_limit, "object page out of range");
  uint64_t root = root_.template load<base::Order::relaxed>();
  if (root == 0) {
    unsigned height = 1;
    while (page.raw() >= span_of(height)) ++height;
    BASE_TRY_ASSIGN(const base::Pfn node, new_node());
    root = root_word(node, height);
    root_.template store<base::Order::release>(root);
  }
  while (page.raw() >= span_of(height_of(root))) {
    BASE_TRY_ASSIGN(const base::Pfn node, new_node());
    slots(node)[0].template store<base::Order::relaxed>(child_word(root_node(root)));
    root = root_word(node, height_of(root) + 1);
    root_.template store<base::Order::release>(root);
  }
  base::Pfn node = root_node(root);
  for (unsigned height = height_of(root); height > 1; --height) {
    Slot& slot = slots(node)[place(page.raw(), height)];
    uint64_t child = slot.template load<base::Order::relaxed>();
    if (child == 0) {
      BASE_TRY_ASSIGN(const base::Pfn made, new_node());
      child = child_word(made);
      slot.template store<base::Order::release>(child);
    }
    node = child_node(child);
  }
  return &slots(node)[place(page.raw(), 1)];
}

template <class F>
template <class Visit>
bool PageIndex<F>::visit_node(base::Pfn node, unsigned height, uint64_t first, ObjectRange range,
                              Visit& visit) const {
  const uint64_t step = span_of(height - 1);
  const uint64_t begin = range.first().raw() <= first ? 0 : (range.first().raw() - first) / step;
  for (uint64_t i = begin; i < fanout; ++i) {
    const uint64_t page = first + i * step;
    if (page >= range.end().raw()) break;
    Slot& slot = slots(node)[i];
    const uint64_t word = slot.template load<base::Order::acquire>();
    if (word == 0) continue;
    if (height == 1 ? !visit(ObjectPage(page), slot)
                    : !visit_node(child_node(word), height - 1, page, range, visit)) {
      return false;
    }
  }
  return true;
}

template <class F>
void PageIndex<F>::prune(ObjectPage first) {
  const uint64_t root = root_.template load<base::Order::relaxed>();
  if (root == 0) return;
  if (first.raw() == 0) {
    root_.template store<base::Order::release>(0);
    drop_node(root_node(root), height_of(root), Drop::by_epoch);
  } else {
    prune_node(root_node(root), height_of(root), 0, first.raw());
  }
}

template <class F>
void PageIndex<F>::prune_node(base::Pfn node, unsigned height, uint64_t node_first,
                              uint64_t first) {
  if (height == 1) return;
  const uint64_t step = span_of(height - 1);
  for (uint64_t i = 0; i < fanout; ++i) {
    const uint64_t child_first = node_first + i * step;
    Slot& slot = slots(node)[i];
    const uint64_t word = slot.template load<base::Order::relaxed>();
    if (word == 0 || child_first + step <= first) continue;
    if (child_first >= first) {
      slot.template store<base::Order::release>(0);
      drop_node(child_node(word), height - 1, Drop::by_epoch);
    } else {
      prune_node(child_node(word), height - 1, child_first, first);
    }
  }
}

template <class F>
void PageIndex<F>::destroy() {
  const uint64_t root = root_.template exchange<base::Order::relaxed>(0);
  if (root != 0) drop_node(root_node(root), height_of(root), Drop::now);
  BASE_CHECK(nodes_ == 0, "page index lost a node");
}

template <class F>
void PageIndex<F>::drop_node(base::Pfn node, unsigned height, Drop how) {
  for (unsigned i = 0; i < fanout; ++i) {
    const uint64_t word = slots(node)[i].template load<base::Order::relaxed>();
    if (word == 0) continue;
    BASE_CHECK(height > 1, "page index node dropped with a page in it");
    drop_node(child_node(word), height - 1, how);
  }
  --nodes_;
  if (how == Drop::now) {
    frames_.free(node);
  } else {
    epochs_.retire_frame(node);
  }
}

}  // namespace vm
