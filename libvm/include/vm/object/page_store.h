// PageStore: the resident pages of an object: a PageIndex, its lock, and how frames are found in it
// and leave it. What SharedAnonymous and Paged have in common.
//
// A reader finds a frame without a lock: it reads the slot, adds a reference to the frame, and
// reads the slot again. The store's own reference is given back by epoch, so within the reader's
// section the frame is still the one it was.
//
// Order when pages leave (take_out, then finish_removal): slots first, under the lock; then every
// section that was open is waited for, since one may be between its look-up and the entry it makes;
// then the entries of all spaces go. After that nothing names the pages but private copies.
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "base/optional.h"
#include "vm/object/memory_object.h"
#include "vm/object/object_mappers.h"
#include "vm/object/page_index.h"
#include "vm/object/page_slot.h"

namespace vm {

// What an object is made with; one per System, outlives its objects.
template <class F>
struct ObjectSystem {
  using Frames = F;
  using Host = typename F::Host;
  using Lock = typename Host::Lock;

  F& frames;
  Epochs<Host>& epochs;
  ObjectMappers<Lock>& mappers;
};

template <class F>
class PageStore {
 public:
  using Lock = typename F::Host::Lock;
  using Slot = typename PageIndex<F>::Slot;

  explicit PageStore(ObjectSystem<F>& system)
      : system_(system), index_(system.frames, system.epochs) {}
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  // Rank object. Guards every change of a slot.
  Lock lock = base::lock_of<Lock>(base::LockRank::object);

  // In an epoch section, any or no lock held. Nothing: not resident. Error::limit_exceeded: the
  // frame has as many references as can be counted.
  [[nodiscard]] base::Result<base::Optional<base::Pfn>> find_and_share(ObjectPage page) const;

  [[nodiscard]] Slot* find(ObjectPage page) const { return index_.find(page); }
  [[nodiscard]] base::Result<Slot*> make(ObjectPage page) BASE_REQUIRES(lock) {
    return index_.make(page);
  }
  template <class Visit>
  void for_each(ObjectRange range, Visit&& visit) const {
    index_.for_each(range, visit);
  }
  static PageSlot read(const Slot& slot) {
    return PageSlot(slot.template load<base::Order::acquire>());
  }
  // Puts a frame, whose only reference becomes the store's, into an empty or requested slot.
  void put(Slot& slot, base::Pfn frame) BASE_REQUIRES(lock);
  // Empties the slot; a frame's reference is given back by epoch.
  void take_out(Slot& slot) BASE_REQUIRES(lock);
  // Nodes that serve only pages from `first` on, all taken out.
  void prune(ObjectPage first) BASE_REQUIRES(lock) { index_.prune(first); }

  // After take_out, without the lock and outside sections: no entry names the pages any more.
  void finish_removal(MemoryObject& object, ObjectRange pages);

  // The last reference to the object is gone: everything is freed now.
  void destroy();

  [[nodiscard]] uint64_t resident() const {
    return resident_.template load<base::Order::relaxed>();
  }
  [[nodiscard]] ObjectSystem<F>& system() const { return system_; }
  // Panics if a resident page is not what it should be. Returns how many slots are requested.
  uint64_t check();

 private:
  static constexpr ObjectRange everything{ObjectPage(0), ObjectPage(PageIndex<F>::page_limit)};

  ObjectSystem<F>& system_;
  PageIndex<F> index_;
  base::Atomic<uint64_t> resident_{0};  // written under the lock
};

template <class F>
base::Result<base::Optional<base::Pfn>> PageStore<F>::find_and_share(ObjectPage page) const {
  const Slot* slot = index_.find(page);
  while (slot != nullptr) {
    const PageSlot seen = read(*slot);
    if (!seen.is_resident()) break;
    FrameRecord& record = system_.frames.records().of(seen.frame());
    const base::Status added = record.add_reference_unless_dead();
    if (!added.ok()) {
      if (added.error() == base::Error::limit_exceeded) return added.error();
      continue;
    }
    if (read(*slot).without_writing().word() == seen.without_writing().word()) {
      return base::Optional<base::Pfn>(seen.frame());
    }
    system_.frames.drop(seen.frame());
  }
  return base::Optional<base::Pfn>();
}

template <class F>
void PageStore<F>::put(Slot& slot, base::Pfn frame) {
  BASE_DCHECK(!read(slot).is_resident(), "page put where there is one");
  system_.frames.records().of(frame).set_state(FrameState::object_page);
  slot.template store<base::Order::release>(PageSlot::of_frame(frame).word());
  resident_.template store<base::Order::relaxed>(resident() + 1);
}

template <class F>
void PageStore<F>::take_out(Slot& slot) {
  const PageSlot was = read(slot);
  slot.template store<base::Order::release>(0);
  if (was.is_resident()) {
    resident_.template store<base::Order::relaxed>(resident() - 1);
    system_.epochs.retire_frame(was.frame());
  }
}

template <class F>
void PageStore<F>::finish_removal(MemoryObject& object, ObjectRange pages) {
  system_.epochs.wait_for_readers();
  system_.mappers.drop_pages(object, pages);
  (void)system_.epochs.poll();
}

template <class F>
void PageStore<F>::destroy() {
  index_.for_each(everything, [this](ObjectPage, Slot& slot) {
    const PageSlot was = read(slot);
    slot.template store<base::Order::relaxed>(0);
    if (was.is_resident()) {
      resident_.template store<base::Order::relaxed>(resident() - 1);
      system_.frames.drop(was.frame());
    }
    return true;
  });
  index_.destroy();
  BASE_CHECK(resident() == 0, "object lost count of its pages");
}

template <class F>
uint64_t PageStore<F>::check() {
  uint64_t pages = 0;
  uint64_t requested = 0;
  base::Guard guard(lock);
  index_.for_each(everything, [&](ObjectPage, Slot& slot) {
    const PageSlot now = read(slot);
    requested += now.is_requested() ? 1 : 0;
    if (now.is_resident()) {
      const FrameRecord& record = system_.frames.records().of(now.frame());
      BASE_CHECK(record.state() == FrameState::object_page, "page of an object is not marked so");
      BASE_CHECK(record.references() >= 1, "page of an object without the object's reference");
      ++pages;
    }
    return true;
  });
  BASE_CHECK(pages == resident(), "object lost count of its pages");
  return requested;
}

}  // namespace vm
