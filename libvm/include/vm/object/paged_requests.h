// Bodies of Paged: pages coming in, failing and going; included by paged.h alone.
#pragma once

#include "vm/object/paged.h"

namespace vm {

template <class F>
PageAnswer Paged<F>::resident(ObjectPage page) {
  base::Result<base::Optional<base::Pfn>> found = store_.find_and_share(page);
  if (!found.ok()) return PageAnswer::refused(base::Error::out_of_memory);
  return found.value().has_value() ? PageAnswer::of_page(*found.value(), most_)
                                   : PageAnswer::absent();
}

template <class F>
PageAnswer Paged<F>::page(ObjectPage page, PageUse use) {
  for (;;) {
    if (page.raw() >= size().raw()) {
      return PageAnswer::refused(base::Error::bus);
    }
    const PageAnswer found = resident(page);
    if (found.kind() != PageAnswer::Kind::absent) {
      if (found.is_page() && use == PageUse::write) {
        store_.system().frames.records().of(found.frame()).mark_dirty();
      }
      return found;
    }
    uint64_t ticket = 0;
    {
      base::Guard guard(store_.lock);
      base::Result<PageAnswer> answer = start_request(page, ticket);
      if (!answer.ok()) {
        return PageAnswer::refused(answer.error());
      }
      if (answer.value().kind() == PageAnswer::Kind::page) {
        continue;  // came while we took the lock
      }
      if (ticket == 0) {
        return answer.value();
      }
    }
    const base::Status asked = ask(ObjectRange::single(page), ticket);
    if (!asked.ok()) {
      return PageAnswer::refused(asked.error());
    }
    // A pager that has the page at hand has answered already.
    const Slot* slot = store_.find(page);
    if (slot == nullptr || Store::read(*slot).word() == PageSlot::of_request(ticket).word()) {
      return PageAnswer::wait_for({page, ticket});
    }
  }
}

// What the slot says now; an empty one becomes requested, and `ticket` names the request to make.
template <class F>
base::Result<PageAnswer> Paged<F>::start_request(ObjectPage page, uint64_t& ticket) {
  if (page.raw() >= size().raw()) {
    return base::Error::bus;
  }
  BASE_TRY_ASSIGN(Slot * slot, store_.make(page));
  const PageSlot now = Store::read(*slot);
  switch (now.kind()) {
    case PageSlot::Kind::resident: return PageAnswer::of_page(now.frame(), most_);
    case PageSlot::Kind::requested: return PageAnswer::wait_for({page, now.ticket()});
    case PageSlot::Kind::failed:
      slot->template store<base::Order::release>(0);
      return base::Error::bus;
    case PageSlot::Kind::empty: break;
  }
  if (is_dead()) {
    return base::Error::bus;
  }
  ticket = next_ticket_++;
  slot->template store<base::Order::release>(PageSlot::of_request(ticket).word());
  return PageAnswer::wait_for({page, ticket});
}

// Passes a request on whose slots say so already. When the pager refuses they are empty again.
template <class F>
base::Status Paged<F>::ask(ObjectRange pages, uint64_t ticket) {
  // Whoever declares the pager dead waits for this section.
  typename Epochs<typename F::Host>::Section section(store_.system().epochs);
  Pager* const to = pager();
  const base::Status asked =
      to != nullptr ? to->request(*this, pages, ticket) : base::Status(base::Error::bus);
  if (!asked.ok()) {
    {
      base::Guard guard(store_.lock);
      (void)give_up(pages, ticket, PageSlot());
    }
    notify(pages);
  }
  return asked;
}

template <class F>
void Paged<F>::will_need(ObjectRange pages) {
  ObjectPage at = pages.first();
  while (at < pages.end() && at.raw() < size().raw()) {
    ObjectPage first = at;
    uint64_t ticket = 0;
    {
      base::Guard guard(store_.lock);
      if (is_dead()) return;
      for (; at < pages.end() && at.raw() < size().raw(); at += base::PageCount(1)) {
        base::Result<Slot*> slot = store_.make(at);
        if (!slot.ok()) {
          pages = ObjectRange(pages.first(), at);
          break;
        }
        if (!Store::read(*slot.value()).is_empty()) {
          if (ticket != 0) break;
          first = at + base::PageCount(1);
          continue;
        }
        if (ticket == 0) ticket = next_ticket_++;
        slot.value()->template store<base::Order::release>(PageSlot::of_request(ticket).word());
      }
    }
    if (ticket != 0 && !ask(ObjectRange(first, at), ticket).ok()) {
      return;
    }
  }
}

// Slots owed under `ticket` (0: any) become `becomes`. False: there were none.
template <class F>
bool Paged<F>::give_up(ObjectRange pages, uint64_t ticket, PageSlot becomes) {
  bool any = false;
  store_.for_each(pages, [&](ObjectPage, Slot& slot) {
    const PageSlot now = Store::read(slot);
    if (now.is_requested() && (ticket == 0 || now.ticket() == ticket)) {
      slot.template store<base::Order::release>(becomes.word());
      any = true;
    }
    return true;
  });
  return any;
}

template <class F>
base::Status Paged<F>::check_offer(uint64_t ticket, ObjectRange pages) {
  if (is_dead()) {
    return base::Error::dead;
  }
  for (ObjectPage at = pages.first(); at < pages.end(); at += base::PageCount(1)) {
    const Slot* slot = store_.find(at);
    const PageSlot now = slot == nullptr ? PageSlot() : Store::read(*slot);
    if (now.is_resident()) {
      return base::Error::already_exists;
    }
    if (!now.is_requested() || now.ticket() != ticket) {
      return base::Error::not_found;
    }
  }
  return {};
}

// Marks every frame as an object's page, or none.
template <class F>
base::Status Paged<F>::claim(base::Span<const base::Pfn> frames) {
  FrameRecords& records = store_.system().frames.records();
  for (size_t i = 0; i < frames.size(); ++i) {
    FrameRecord* record = records.find(frames[i]);
    const bool good = record != nullptr && record->state() == FrameState::owned &&
                      record->order() == 0 && record->is_exclusive() && !record->is_pinned();
    if (!good) {
      while (i-- > 0) records.of(frames[i]).set_state(FrameState::owned);
      return base::Error::access_denied;
    }
    record->set_state(FrameState::object_page);
  }
  return {};
}

template <class F>
base::Status Paged<F>::attach(uint64_t ticket, base::Bytes offset,
                              base::Span<const base::Pfn> frames) {
  if (!base::is_aligned(offset.raw(), base::page_size) || frames.empty() ||
      frames.size() > PageIndex<F>::page_limit) {
    return base::Error::invalid_argument;
  }
  const ObjectPage first(offset.raw() >> base::page_shift);
  if (first.raw() + frames.size() > PageIndex<F>::page_limit) {
    return base::Error::invalid_argument;
  }
  const ObjectRange pages = ObjectRange::of(first, base::PageCount(frames.size()));
  {
    base::Guard guard(store_.lock);
    BASE_TRY(check_offer(ticket, pages));
    BASE_TRY(claim(frames));
    for (size_t i = 0; i < frames.size(); ++i) {
      store_.put(*store_.find(first + base::PageCount(i)), frames[i]);
    }
  }
  notify(pages);
  return {};
}

template <class F>
base::Status Paged<F>::fail(uint64_t ticket, ObjectRange pages) {
  {
    base::Guard guard(store_.lock);
    if (is_dead()) {
      return base::Error::dead;
    }
    if (ticket == 0 || !give_up(pages, ticket, PageSlot::of_failure())) {
      return base::Error::not_found;
    }
  }
  notify(pages);
  return {};
}

template <class F>
void Paged<F>::pager_died() {
  {
    base::Guard guard(store_.lock);
    pager_.template store<base::Order::release>(nullptr);
    (void)give_up(all(), 0, PageSlot());
    for (InFlight& batch : in_flight_) {
      if (batch.ticket != 0) finish_write_back(batch, base::Error::io);
    }
  }
  store_.system().epochs.wait_for_readers();
  // A request that was under way meanwhile found its slots empty or has been refused.
  notify(all());
}

template <class F>
base::Status Paged<F>::discard(ObjectRange pages) {
  {
    base::Guard guard(store_.lock);
    store_.for_each(pages, [this](ObjectPage, Slot& slot) BASE_NO_THREAD_SAFETY_ANALYSIS {
      if (!Store::read(slot).is_requested()) store_.take_out(slot);
      return true;
    });
  }
  store_.finish_removal(*this, pages);
  return {};
}

template <class F>
base::Status Paged<F>::resize(base::PageCount size) {
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
    store_.for_each(ObjectRange(end, ObjectPage(before)),
                    [this](ObjectPage, Slot& slot) BASE_NO_THREAD_SAFETY_ANALYSIS {
                      store_.take_out(slot);
                      return true;
                    });
    store_.prune(end);
  }
  const ObjectRange gone(end, ObjectPage(before));
  store_.finish_removal(*this, gone);
  notify(gone);
  return {};
}

template <class F>
bool Paged<F>::is_over(const PageWait& wait) {
  base::Guard guard(store_.lock);
  const Slot* slot = store_.find(wait.page);
  const PageSlot now = slot == nullptr ? PageSlot() : Store::read(*slot);
  if (now.is_requested()) {
    return now.ticket() != wait.ticket;
  }
  for (const InFlight& batch : in_flight_) {
    if (batch.ticket != 0 && batch.ticket == wait.ticket) return false;
  }
  return true;
}

}  // namespace vm
