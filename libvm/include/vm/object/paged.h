// Paged: memory whose contents a pager supplies and stores.
//
// A page is empty, requested (its pager owes it), resident, or failed (the next who asks is refused
// once, then it may be asked for again). Each request has a ticket; the answer names it, so that
// what comes late (after truncation, failure, death) is told from what was asked for since.
//
// Dirty pages: entries' hardware bits end in the frame records (MemoryObject). sync() makes entries
// clean first and writes afterwards, so a write during the write-back makes the page dirty again.
// The frames of a write-back in flight are referenced by it: truncation does not take them away.
//
// Errors of the pager's answers, all leaving everything unchanged:
//   dead              the pager was declared dead
//   invalid_argument  misaligned, empty, past the largest offset
//   already_exists    a page is resident already (repeated)
//   not_found         a page was not asked for under this ticket (late, invented)
//   access_denied     a frame is not the caller's alone: foreign, shared, pinned, part of a block,
//                     given twice
// Locks: the object's (rank object), never while the pager or the notifier is called.
#pragma once

#include <stdint.h>

#include "vm/object/page_store.h"
#include "vm/object/pager.h"

namespace vm {

template <class F>
class Paged final : public MemoryObject {
 public:
  // `pager` outlives the object, or is declared dead before it goes (then outlives every section
  // open at that moment).
  Paged(ObjectSystem<F>& system, Pager& pager, base::PageCount size, base::Access most,
        PageNotifier notifier = {}, ObjectDisposal disposal = {})
      : MemoryObject(ObjectKind::paged, disposal),
        store_(system),
        notifier_(notifier),
        most_(most),
        size_(size.raw()),
        pager_(&pager) {
    BASE_CHECK(size.raw() <= PageIndex<F>::page_limit, "object larger than any offset");
  }

  [[nodiscard]] base::PageCount size() const override {
    return base::PageCount(size_.template load<base::Order::acquire>());
  }
  [[nodiscard]] base::Access max_access() const override { return most_; }
  [[nodiscard]] PageAnswer page(ObjectPage page, PageUse use) override;
  [[nodiscard]] PageAnswer resident(ObjectPage page) override;
  // Asks for what of the range is empty, one request per run of such pages.
  void will_need(ObjectRange pages) override;
  // Drops resident pages, dirty or not; they are asked for anew. Pages being asked for stay so.
  [[nodiscard]] base::Status discard(ObjectRange pages) override;
  [[nodiscard]] SyncAnswer sync(SyncRun& run) override;
  [[nodiscard]] bool is_over(const PageWait& wait) override;
  void check() override;

  // ---- The pager's side

  // Gives pages that were asked for under `ticket`: frame i is page offset/4096 + i. Each frame is
  // `owned`, the caller's alone, and becomes the object's. All or none.
  [[nodiscard]] base::Status attach(uint64_t ticket, base::Bytes offset,
                                    base::Span<const base::Pfn> frames);
  // The pages that are still owed under `ticket` in the range cannot be had.
  // Error::not_found: there are none.
  [[nodiscard]] base::Status fail(uint64_t ticket, ObjectRange pages);
  // The write-back is over, well or not. Error::not_found: there is no such one.
  [[nodiscard]] base::Status written(uint64_t ticket, base::Status outcome);
  // The pager is gone: everything owed fails, nothing is asked any more, what is resident stays.
  // After this returns the pager is not called.
  void pager_died();
  [[nodiscard]] bool is_dead() const { return pager() == nullptr; }

  // A new size. Pages past a smaller one are gone from every space: bus errors.
  // Error::invalid_argument: larger than any offset.
  [[nodiscard]] base::Status resize(base::PageCount size);

  [[nodiscard]] base::PageCount resident_pages() const {
    return base::PageCount(store_.resident());
  }

 protected:
  void last_reference_gone() override;

 private:
  using Store = PageStore<F>;
  using Slot = typename Store::Slot;

  static constexpr unsigned max_write_backs = 4;

  // A write-back in flight; ticket 0: free.
  struct InFlight {
    uint64_t ticket = 0;
    ObjectPage first;
    unsigned count = 0;
    base::Pfn frames[WriteBack::max_pages];
  };

  [[nodiscard]] Pager* pager() const { return pager_.template load<base::Order::acquire>(); }
  void notify(ObjectRange pages) {
    if (notifier_.notify != nullptr) notifier_.notify(notifier_.context, *this, pages);
  }
  static ObjectRange all() { return {ObjectPage(0), ObjectPage(PageIndex<F>::page_limit)}; }

  base::Status ask(ObjectRange pages, uint64_t ticket);
  base::Result<PageAnswer> start_request(ObjectPage page, uint64_t& ticket)
      BASE_REQUIRES(store_.lock);
  bool give_up(ObjectRange pages, uint64_t ticket, PageSlot becomes) BASE_REQUIRES(store_.lock);
  base::Status check_offer(uint64_t ticket, ObjectRange pages) BASE_REQUIRES(store_.lock);
  base::Status claim(base::Span<const base::Pfn> frames);
  InFlight* collect_dirty(SyncRun& run) BASE_REQUIRES(store_.lock);
  void finish_write_back(InFlight& batch, base::Status outcome) BASE_REQUIRES(store_.lock);
  bool find_writing(ObjectRange pages, PageWait& wait) BASE_REQUIRES(store_.lock);

  Store store_;
  const PageNotifier notifier_;
  const base::Access most_;
  base::Atomic<uint64_t> size_;  // written under the store's lock
  base::Atomic<Pager*> pager_;   // nullptr: dead; the same
  uint64_t next_ticket_ BASE_GUARDED_BY(store_.lock) = 1;
  bool write_failed_ BASE_GUARDED_BY(store_.lock) = false;
  InFlight in_flight_[max_write_backs] BASE_GUARDED_BY(store_.lock);
};

}  // namespace vm

#include "vm/object/paged_requests.h"
#include "vm/object/paged_write_back.h"
