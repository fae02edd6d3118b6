// Bodies of Paged: dirty pages going out, and the end; included by paged.h alone.
#pragma once

#include "vm/object/paged.h"

namespace vm {

template <class F>
SyncAnswer Paged<F>::sync(SyncRun& run) {
  if (run.next() == run.range().first() && !run.range().empty()) {
    store_.system().mappers.clean_pages(*this, run.range());
  }
  for (;;) {
    InFlight* batch = nullptr;
    WriteBack pages;
    {
      base::Guard guard(store_.lock);
      batch = collect_dirty(run);
      if (batch == nullptr) {
        PageWait wait;
        if (find_writing(run.next() < run.range().end() ? all() : run.range(), wait)) {
          return SyncAnswer::wait_for(wait);
        }
        BASE_CHECK(run.next() >= run.range().end(), "write-back stopped with room for more");
        return base::exchange(write_failed_, false) ? SyncAnswer::failed(base::Error::io)
                                                    : SyncAnswer::done();
      }
      if (is_dead()) {
        finish_write_back(*batch, base::Error::io);
        return SyncAnswer::failed(base::Error::dead);
      }
      pages = {batch->ticket, batch->first,
               base::Span<const base::Pfn>(batch->frames, batch->count)};
    }
    // The batch stays as it is until written() names its ticket, or the pager dies.
    base::Optional<base::Error> refused;
    {
      // Whoever declares the pager dead waits for this section.
      typename Epochs<typename F::Host>::Section section(store_.system().epochs);
      Pager* const to = pager();
      const base::Status asked =
          to != nullptr ? to->write_back(*this, pages) : base::Status(base::Error::dead);
      if (!asked.ok()) refused = asked.error();
    }
    if (refused.has_value()) {
      (void)written(pages.ticket, *refused);
    }
  }
}

// Takes the next run of dirty pages into a free batch and moves run.next() behind it. nullptr: no
// more dirty ones (run.next() is at the end), or no free batch.
template <class F>
typename Paged<F>::InFlight* Paged<F>::collect_dirty(SyncRun& run) {
  InFlight* batch = nullptr;
  for (InFlight& candidate : in_flight_) {
    if (candidate.ticket == 0) batch = &candidate;
  }
  if (batch == nullptr) {
    return nullptr;
  }
  FrameRecords& records = store_.system().frames.records();
  unsigned count = 0;
  ObjectPage next = run.range().end();
  store_.for_each(ObjectRange(run.next(), run.range().end()), [&](ObjectPage page, Slot& slot) {
    const PageSlot now = Store::read(slot);
    if (!now.is_resident()) return true;
    if (count != 0 &&
        (count == WriteBack::max_pages || page != batch->first + base::PageCount(count))) {
      next = page;
      return false;
    }
    FrameRecord& record = records.of(now.frame());
    if (!record.is_dirty()) return true;
    if (now.is_writing()) {
      // Written to since that began: its turn comes when that is over.
      next = page;
      return false;
    }
    if (!record.add_references().ok()) return true;
    (void)record.take_dirty();
    if (count == 0) batch->first = page;
    batch->frames[count++] = now.frame();
    slot.template store<base::Order::release>(now.with_writing().word());
    return true;
  });
  run.advance_to(next);
  if (count == 0) {
    return nullptr;
  }
  batch->count = count;
  batch->ticket = next_ticket_++;
  return batch;
}

template <class F>
void Paged<F>::finish_write_back(InFlight& batch, base::Status outcome) {
  F& frames = store_.system().frames;
  for (unsigned i = 0; i < batch.count; ++i) {
    Slot* slot = store_.find(batch.first + base::PageCount(i));
    const PageSlot now = slot == nullptr ? PageSlot() : Store::read(*slot);
    if (now.is_resident() && now.frame() == batch.frames[i]) {
      slot->template store<base::Order::release>(now.without_writing().word());
      if (!outcome.ok()) frames.records().of(batch.frames[i]).mark_dirty();
    }
    frames.drop(batch.frames[i]);
  }
  if (!outcome.ok()) write_failed_ = true;
  batch.ticket = 0;
  batch.count = 0;
}

template <class F>
base::Status Paged<F>::written(uint64_t ticket, base::Status outcome) {
  ObjectRange pages;
  {
    base::Guard guard(store_.lock);
    InFlight* found = nullptr;
    for (InFlight& batch : in_flight_) {
      if (batch.ticket != 0 && batch.ticket == ticket) found = &batch;
    }
    if (found == nullptr) {
      return is_dead() ? base::Error::dead : base::Error::not_found;
    }
    pages = ObjectRange::of(found->first, base::PageCount(found->count));
    finish_write_back(*found, base::move(outcome));
  }
  notify(pages);
  return {};
}

template <class F>
bool Paged<F>::find_writing(ObjectRange pages, PageWait& wait) {
  for (const InFlight& batch : in_flight_) {
    if (batch.ticket == 0) continue;
    if (pages.overlaps(ObjectRange::of(batch.first, base::PageCount(batch.count)))) {
      wait = {batch.first, batch.ticket};
      return true;
    }
  }
  return false;
}

template <class F>
void Paged<F>::last_reference_gone() {
  {
    base::Guard guard(store_.lock);
    for (InFlight& batch : in_flight_) {
      if (batch.ticket != 0) finish_write_back(batch, base::Error::io);
    }
    (void)give_up(all(), 0, PageSlot());
    pager_.template store<base::Order::release>(nullptr);
  }
  store_.destroy();
}

template <class F>
void Paged<F>::check() {
  (void)store_.check();
  base::Guard guard(store_.lock);
  uint64_t writing = 0;
  for (const InFlight& batch : in_flight_) {
    if (batch.ticket == 0) continue;
    BASE_CHECK(batch.ticket < next_ticket_, "write-back with a ticket from the future");
    for (unsigned i = 0; i < batch.count; ++i) {
      const Slot* slot = store_.find(batch.first + base::PageCount(i));
      const PageSlot now = slot == nullptr ? PageSlot() : Store::read(*slot);
      writing += now.is_resident() && now.frame() == batch.frames[i] && now.is_writing() ? 1 : 0;
    }
  }
  store_.for_each(all(), [&](ObjectPage page, Slot& slot) {
    const PageSlot now = Store::read(slot);
    BASE_CHECK(now.is_empty() || page.raw() < size().raw(), "page past the end of its object");
    if (now.is_resident() && now.is_writing()) --writing;
    return true;
  });
  BASE_CHECK(writing == 0, "pages marked as written back and write-backs disagree");
}

}  // namespace vm
