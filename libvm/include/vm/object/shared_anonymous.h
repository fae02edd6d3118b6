// SharedAnonymous: memory without a file that several spaces share: MAP_SHARED|MAP_ANONYMOUS,
// memfd.
//
// Pages are made, zeroed, when first touched. Sparse: an index node per 2 MiB touched. Resizable.
// Errors of every operation leave the object unchanged. Locks: as MemoryObject says.
#pragma once

#include <stdint.h>

#include "vm/object/page_store.h"

namespace vm {

template <class F>
class SharedAnonymous final : public MemoryObject {
 public:
  SharedAnonymous(ObjectSystem<F>& system, base::PageCount size, ObjectDisposal disposal = {})
      : MemoryObject(ObjectKind::shared_anonymous, disposal), store_(system), size_(size.raw()) {
    BASE_CHECK(size.raw() <= PageIndex<F>::page_limit, "object larger than any offset");
  }

  [[nodiscard]] base::PageCount size() const override {
    return base::PageCount(size_.template load<base::Order::acquire>());
  }
  [[nodiscard]] base::Access max_access() const override {
    return base::Right::read | base::Right::write | base::Right::execute | base::Right::user;
  }
  [[nodiscard]] PageAnswer page(ObjectPage page, PageUse use) override;
  [[nodiscard]] PageAnswer resident(ObjectPage page) override;
  // The pages read as zeros afterwards.
  [[nodiscard]] base::Status discard(ObjectRange pages) override;
  // Pages past a smaller size are gone; they read as zeros if it grows again.
  // Error::invalid_argument: larger than any offset.
  [[nodiscard]] base::Status resize(base::PageCount size);

  [[nodiscard]] base::PageCount resident_pages() const {
    return base::PageCount(store_.resident());
  }
  void check() override {
    BASE_CHECK(store_.check() == 0, "page of anonymous memory asked of a pager");
  }

 protected:
  void last_reference_gone() override { store_.destroy(); }

 private:
  [[nodiscard]] PageAnswer answer(base::Pfn frame) const {
    return PageAnswer::of_page(frame, max_access());
  }
  void take_out(ObjectRange pages) BASE_REQUIRES(store_.lock);

  PageStore<F> store_;
  base::Atomic<uint64_t> size_;  // written under the store's lock
};

template <class F>
PageAnswer SharedAnonymous<F>::resident(ObjectPage page) {
  base::Result<base::Optional<base::Pfn>> found = store_.find_and_share(page);
  if (!found.ok()) return PageAnswer::refused(base::Error::out_of_memory);
  return found.value().has_value() ? answer(*found.value()) : PageAnswer::absent();
}

template <class F>
PageAnswer SharedAnonymous<F>::page(ObjectPage page, PageUse) {
  if (page.raw() >= size().raw()) {
    return PageAnswer::refused(base::Error::bus);
  }
  const PageAnswer found = resident(page);
  if (found.kind() != PageAnswer::Kind::absent) {
    return found;
  }
  // Zeroed before the lock is taken; given back if another CPU was faster.
  F& frames = store_.system().frames;
  base::Result<base::Pfn> fresh = frames.allocate(Contents::zero);
  if (!fresh.ok()) {
    return PageAnswer::refused(fresh.error());
  }
  const base::Pfn frame = fresh.value();
  {
    base::Guard guard(store_.lock);
    if (page.raw() < size().raw()) {
      base::Result<typename PageStore<F>::Slot*> slot = store_.make(page);
      if (slot.ok() && PageStore<F>::read(*slot.value()).is_empty()) {
        store_.put(*slot.value(), frame);
        frames.records().of(frame).add_references().expect("second reference of a new page");
        return answer(frame);
      }
      if (!slot.ok()) {
        frames.free(frame);
        return PageAnswer::refused(slot.error());
      }
    }
  }
  frames.free(frame);
  return this->page(page, PageUse::read);
}

template <class F>
void SharedAnonymous<F>::take_out(ObjectRange pages) {
  // The caller's lock is the store's, which the analysis cannot see through the call.
  store_.for_each(pages, [this](ObjectPage, auto& slot) BASE_NO_THREAD_SAFETY_ANALYSIS {
    store_.take_out(slot);
    return true;
  });
}

template <class F>
base::Status SharedAnonymous<F>::discard(ObjectRange pages) {
  {
    base::Guard guard(store_.lock);
    take_out(pages);
  }
  store_.finish_removal(*this, pages);
  return {};
}

template <class F>
base::Status SharedAnonymous<F>::resize(base::PageCount size) {
  if (size.raw() > PageIndex<F>::page_limit) {
    return base::Error::invalid_argument;
  }
  const ObjectPage end(size.raw());
  uint64_t before = 0;
  {
    base::Guard guard(store_.lock);
    before = size_.template exchange<base::Order::acquire_release>(size.raw());
    if (size.raw() >= before) {
      return {};
    }
    take_out(ObjectRange(end, ObjectPage(before)));
    store_.prune(end);
  }
  store_.finish_removal(*this, ObjectRange(end, ObjectPage(before)));
  return {};
}

}  // namespace vm
