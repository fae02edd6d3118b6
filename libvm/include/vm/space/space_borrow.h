// AddressSpace: pages lent to and moved between spaces. Part of address_space.h.
//
// A borrow maps a Borrowed object, which asks the lender for each page when it is first touched.
// The lender makes the page its own, pins it (a clone of the lender gets a copy at once) and marks
// the frame `borrowed`: from then on it is writable in both although referenced twice.
//
// lend() runs inside the borrower's fault and takes the lender's lock, so nobody who holds a
// space's lock waits for the faults of a space that may borrow from it: loans are withdrawn after
// the lock is released, and borrows have no cycles.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// True if `lender` is this space or borrows from it, directly or not. The loans' lock is held.
template <Machine M>
bool AddressSpace<M>::lends_to_itself(AddressSpace& lender, unsigned depth) {
  if (&lender == this || depth == max_borrow_depth) return true;
  for (base::Vpn at = user_pages().first(); at < user_pages().end();) {
    AddressSpace* next = nullptr;
    {
      base::Guard guard(lender.lock_);
      const base::Optional<Mapping> mapping = lender.map_.at_or_after(at);
      if (!mapping) return false;
      at = mapping->end();
      if (mapping->object() != nullptr && mapping->object()->kind() == ObjectKind::borrowed) {
        next = static_cast<AddressSpace*>(static_cast<Loaned*>(mapping->object())->lender());
      }
    }
    if (next != nullptr && lends_to_itself(*next, depth + 1)) return true;
  }
  return false;
}

// A Borrowed and what frees it, in a frame of their own.
template <Machine M>
struct AddressSpace<M>::LoanPage {
  System<M>* machine;
  base::Pfn frame;
  alignas(Loaned) unsigned char object[sizeof(Loaned)];
};

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::borrow(AddressSpace& lender,
                                                     const BorrowRequest& request) {
  if (request.source.empty() || !user_pages().contains(request.source) || &lender == this) {
    return base::Error::invalid_argument;
  }
  base::Guard loans(system_.loan_lock());
  if (lends_to_itself(lender, 0)) return base::Error::would_deadlock;
  const base::Access access = request.access.without(base::Right::user);
  BASE_TRY_ASSIGN(Loaned* const object, lender.make_loan(request.source, access));
  MapRequest map_request;
  map_request.count = request.source.count();
  map_request.access = access;
  map_request.max_access = access;
  map_request.sharing = Sharing::shared;
  map_request.object = object;
  map_request.placement = request.placement;
  map_request.tag = request.tag;
  base::Result<base::VpnRange> result = map_unchecked(map_request);
  object->release();  // the mapping has its own
  return result;
}

template <Machine M>
base::Result<ObjectRef> AddressSpace<M>::lend_range(base::VpnRange source, base::Access access) {
  if (source.empty() || !user_pages().contains(source)) return base::Error::invalid_argument;
  BASE_TRY_ASSIGN(Loaned* const object, make_loan(source, access.without(base::Right::user)));
  return ObjectRef::adopt(*object);
}

// A loan of pages of this space.
template <Machine M>
base::Result<typename AddressSpace<M>::Loaned*> AddressSpace<M>::make_loan(base::VpnRange source,
                                                                           base::Access access) {
  BASE_TRY_ASSIGN(const base::Pfn frame, machine().frames().allocate());
  auto* page = static_cast<LoanPage*>(machine().host().window(frame));
  page->machine = &machine();
  page->frame = frame;
  base::Error error = base::Error::not_mapped;
  {
    base::Guard guard(lock_);
    base::Access most = base::Right::read | base::Right::write | base::Right::execute;
    map_.for_each(source, [&](const Mapping& mapping) { most = most.intersect(mapping.access()); });
    if (map_.covers(source)) {
      if (most.has(access)) {
        auto* object = base::construct_at<Loaned>(
            page->object, system_.objects(), static_cast<PageLender&>(*this), source, access,
            ObjectDisposal{page, &AddressSpace::dispose_of_loan});
        loans_.push_back(*object);
        has_loans_.template store<base::Order::relaxed>(1);
        return object;
      }
      error = base::Error::access_denied;
    }
  }
  machine().frames().free(frame);
  return error;
}

template <Machine M>
void AddressSpace<M>::dispose_of_loan(void* context, MemoryObject& object) {
  const LoanPage page = *static_cast<LoanPage*>(context);
  base::destroy_at(static_cast<Loaned*>(&object));
  page.machine->frames().free(page.frame);
}

// ---- The lender's side

template <Machine M>
PageAnswer AddressSpace<M>::lend(base::Vpn page, PageUse use) {
  for (unsigned tries = 0; tries < 8; ++tries) {
    const base::Access wanted =
        use == PageUse::write ? base::Access(base::Right::write) : base::Access::none();
    {
      // Within the gate the mapping's object stays. It is left before the lock is taken: whoever
      // closes the gate holds the lock.
      typename Epochs<Host>::Section section(system_.epochs(), gate_);
      const MappingMap::Reading reading = map_.find(page);
      if (!reading.found()) return PageAnswer::refused(base::Error::bus);
      const Mapping& mapping = reading.mapping();
      if (!mapping.access().has(wanted) || mapping.access() == base::Access::none()) {
        return PageAnswer::refused(base::Error::access_denied);
      }
      if (mapping.is_shared() ||
          (mapping.object() != nullptr && !mapping.max_access().can_write())) {
        return mapping.object()
            ->page(mapping.object_page_of(page), use)
            .passed_on(mapping.access());
      }
    }
    // Of memory that is private here, the page must be this space's own before it is lent.
    Attempt attempt = Attempt::finished;
    FaultOutcome outcome = try_fault({base::UserAddr::of(page), wanted}, Ownership::own, attempt);
    if (attempt == Attempt::hole) return PageAnswer::refused(base::Error::bus);
    if (attempt == Attempt::starved) return PageAnswer::refused(base::Error::out_of_memory);
    if (outcome.must_wait()) return PageAnswer::wait_for(outcome.token().wait);
    if (outcome.kind() == FaultOutcome::Kind::refused) {
      return PageAnswer::refused(outcome.refusal() == Refusal::access ? base::Error::access_denied
                                                                      : base::Error::bus);
    }
    if (attempt == Attempt::again) continue;
    const PageAnswer answer = pin_and_share(page);
    if (answer.kind() != PageAnswer::Kind::absent) return answer;
  }
  return PageAnswer::refused(base::Error::out_of_memory);
}

// The resident page at `page`, pinned and marked; absent when it is not as a fault left it.
template <Machine M>
PageAnswer AddressSpace<M>::pin_and_share(base::Vpn page) {
  base::Guard guard(lock_);
  const base::Optional<Mapping> mapping = map_.at_or_after(page);
  if (!mapping || mapping->first() > page) return PageAnswer::refused(base::Error::bus);
  Batch batch = table_.batch();
  PageAnswer answer = PageAnswer::absent();
  const Found found = table_.lookup(page);
  if (found.entry.kind == EntryKind::leaf && found.level > 1) {
    if (!table_.split(page, batch).ok()) answer = PageAnswer::refused(base::Error::out_of_memory);
  } else if (found.entry.kind == EntryKind::leaf) {
    FrameRecord* record = machine().counted(found.entry.frame);
    base::Status pinned;
    if (record != nullptr && record->state() == FrameState::private_page) {
      pinned = table_.pin(page, batch);
      if (pinned.ok()) record->set_state(FrameState::borrowed);
    } else if (record == nullptr || record->state() != FrameState::borrowed) {
      pinned = base::Error::busy;
    }
    if (pinned.ok() && record->add_references().ok()) {
      answer = PageAnswer::of_page(found.entry.frame, mapping->access());
    } else if (!pinned.ok() && pinned.error() != base::Error::busy &&
               pinned.error() != base::Error::not_found) {
      answer = PageAnswer::refused(base::Error::out_of_memory);
    }
  }
  batch.settle();
  return answer;
}

template <Machine M>
PageAnswer AddressSpace<M>::lend_resident(base::Vpn page) {
  typename Epochs<Host>::Section section(system_.epochs(), gate_);
  const MappingMap::Reading reading = map_.find(page);
  if (!reading.found()) return PageAnswer::absent();
  if (reading.mapping().is_shared()) {
    return reading.mapping()
        .object()
        ->resident(reading.mapping().object_page_of(page))
        .passed_on(reading.mapping().access());
  }
  const Found found = table_.lookup(page);
  if (found.entry.kind != EntryKind::leaf || found.level != 1) return PageAnswer::absent();
  FrameRecord* record = machine().counted(found.entry.frame);
  // Only what has been lent before needs no work.
  if (record == nullptr || record->state() != FrameState::borrowed ||
      !has_flag(found.entry, LeafFlag::pinned) || !record->add_reference_unless_dead().ok()) {
    return PageAnswer::absent();
  }
  const Found again = table_.lookup(page);
  if (again.entry.kind != EntryKind::leaf || again.entry.frame != found.entry.frame ||
      !has_flag(again.entry, LeafFlag::pinned)) {
    machine().drop_frame(found.entry.frame);
    return PageAnswer::absent();
  }
  return PageAnswer::of_page(found.entry.frame, reading.mapping().access());
}

template <Machine M>
void AddressSpace<M>::give_back(base::Vpn page, base::Pfn frame) {
  base::Guard guard(lock_);
  // A loan's borrowers find its pages without the lock, by their pins.
  if (!loans_.empty()) return;
  typename Epochs<Host>::Section section(system_.epochs());
  const Found found = table_.lookup(page);
  if (found.entry.kind != EntryKind::leaf || found.level != 1 || found.entry.frame != frame ||
      !has_flag(found.entry, LeafFlag::pinned)) {
    return;
  }
  FrameRecord* record = machine().counted(frame);
  if (record == nullptr || record->state() != FrameState::borrowed || !record->is_exclusive()) {
    return;
  }
  record->set_state(FrameState::private_page);
  Batch batch = table_.batch();
  table_.unpin(page, batch);
  batch.settle();
}

template <Machine M>
void AddressSpace<M>::loan_ended(Loan& loan) {
  base::Guard guard(lock_);
  if (loan.node.linked()) loans_.remove(loan);
}

// After `range` has been unmapped, with no lock held: borrowers lose its pages.
template <Machine M>
void AddressSpace<M>::withdraw_loans(base::VpnRange range) {
  if (has_loans_.template load<base::Order::relaxed>() == 0) return;
  unsigned skip = 0;
  while (true) {
    ObjectRef held;
    Loaned* found = nullptr;
    {
      base::Guard guard(lock_);
      unsigned index = 0;
      for (Loan* loan = loans_.front(); loan != nullptr; loan = loans_.next(*loan)) {
        if (!loan->source().overlaps(range) || index++ < skip) continue;
        auto* object = static_cast<Loaned*>(loan);
        if (!object->retain_unless_dead()) continue;
        held = ObjectRef::adopt(*object);
        found = object;
        break;
      }
    }
    if (found == nullptr) return;
    found->withdraw(range);
    ++skip;
  }
}

template <Machine M>
void AddressSpace<M>::sever_loans() {
  while (true) {
    ObjectRef held;
    Loaned* found = nullptr;
    {
      base::Guard guard(lock_);
      while (Loan* loan = loans_.pop_front()) {
        auto* object = static_cast<Loaned*>(loan);
        if (!object->retain_unless_dead()) continue;
        held = ObjectRef::adopt(*object);
        found = object;
        break;
      }
    }
    if (found == nullptr) return;
    found->sever();
  }
}

// ---- transfer

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::transfer(
    AddressSpace& giver, const TransferRequest& request) BASE_NO_THREAD_SAFETY_ANALYSIS {
  if (&giver == this || request.source.empty() || !user_pages().contains(request.source)) {
    return base::Error::invalid_argument;
  }
  // Ascending addresses; the order in which they are released does not matter.
  AddressSpace& first = this < &giver ? *this : giver;
  AddressSpace& second = this < &giver ? giver : *this;
  while (true) {
    {
      Operation first_operation(first);
      Operation second_operation(second);
      if (!must_wait_for_walk()) {
        base::Result<base::VpnRange> result =
            transfer_locked(giver, request, this < &giver ? first_operation : second_operation,
                            this < &giver ? second_operation : first_operation);
        second_operation.unlock();
        first_operation.unlock();
        return result;
      }
    }
    system_.mappers().wait_for_walk();
  }
}

// Prepares both sides, then moves page by page; nothing fails once the first mapping has moved.
// Faults are kept out of both spaces: no page appears that was not prepared for, and none is filled
// in where one is about to arrive. Nobody borrows from either, so no fault waits for our locks.
template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::transfer_locked(
    AddressSpace& giver, const TransferRequest& request, Operation& mine,
    Operation& theirs) BASE_NO_THREAD_SAFETY_ANALYSIS {
  const base::VpnRange source = request.source;
  const Contents moving = giver.contents(source);
  if (!moving.whole) return base::Error::not_mapped;
  // Lent pages stay where they are; a borrow is between its two spaces.
  if (moving.sealed || !giver.loans_.empty() || !loans_.empty()) return base::Error::busy;
  bool allowed = true;
  giver.map_.for_each(source, [&](const Mapping& mapping) {
    if (mapping.object() != nullptr && mapping.object()->kind() == ObjectKind::borrowed) {
      allowed = false;
    }
  });
  if (!allowed) return base::Error::busy;
  BASE_TRY_ASSIGN(const base::VpnRange target, place(request.placement, source.count()));
  Contents there;
  if (request.placement.kind == Placement::Kind::fixed) there = contents(target);
  if (there.sealed) return base::Error::busy;
  const unsigned pieces = unsigned(base::min<uint64_t>(moving.mappings, options_.limits.mappings));
  BASE_TRY(check_limits(source.count(), moving.committed, moving.locked, pieces + 1));
  BASE_TRY(supply_nodes(pieces + 2));
  BASE_TRY(giver.supply_nodes(1));
  BASE_TRY(mine.releases.reserve(there.objects));
  system_.epochs().close(gate_);
  system_.epochs().close(giver.gate_);
  base::Status status;
  {
    base::Result<base::PageCount> needed =
        prepare_arrival(giver, source, target, EdgeTables::stay, theirs.batch, mine.batch);
    base::Result<Reserve> tables = needed.ok() ? Reserve::of(machine().frames(), needed.value())
                                               : base::Result<Reserve>(needed.error());
    if (tables.ok()) {
      move_mappings(giver, source, target, tables.value(), mine, theirs);
    } else {
      status = tables.error();
    }
  }
  system_.epochs().open(giver.gate_);
  system_.epochs().open(gate_);
  BASE_TRY(status);
  giver.trim_around(source, theirs.batch);
  return target;
}

// Makes the source private to the giver, splits large leaves of it, and counts the tables that its
// pages need here; removing what is at the target is prepared too.
template <Machine M>
base::Result<base::PageCount> AddressSpace<M>::prepare_arrival(AddressSpace& giver,
                                                               base::VpnRange source,
                                                               base::VpnRange target,
                                                               EdgeTables edges, Batch& from,
                                                               Batch& to) {
  BASE_TRY(giver.table_.prepare(source, Prepare::present, LargeLeaves::none, from));
  BASE_TRY_ASSIGN(typename PageTable<M>::Arrival arrival,
                  table_.prepare_arrival(target, edges, to));
  for (base::Vpn page = source.first(); page < source.end();) {
    const Found found = giver.table_.lookup(page);
    if (found.entry.kind == EntryKind::absent) {
      page = found.first + entry_span(found.level);
    } else if (found.level > 1) {
      BASE_TRY(giver.table_.split(page, from));
    } else {
      arrival.count(target.first() + (page - source.first()), 1);
      page += base::PageCount(1);
    }
  }
  return arrival.needed();
}

// The part of a transfer that cannot fail. Both gates are closed, everything is prepared.
template <Machine M>
void AddressSpace<M>::move_mappings(AddressSpace& giver, base::VpnRange source,
                                    base::VpnRange target, Reserve& tables, Operation& mine,
                                    Operation& theirs) BASE_NO_THREAD_SAFETY_ANALYSIS {
  Reserve none_needed;
  if (!map_.is_free(target)) {
    take_mappings(mine, target);
    publish_mappings();
  }
  table_.remove(target, none_needed, mine.batch);
  mine.batch.flush();
  while (const base::Optional<Mapping> piece = giver.map_.take_first(source)) {
    giver.account_removed(*piece);
    const base::Vpn at = target.first() + (piece->first() - source.first());
    insert_mapping(piece->moved(piece->first(), base::VpnRange::of(at, piece->count())));
    if (piece->end() == source.end()) break;
  }
  publish_mappings();
  move_pages(giver, source, target, tables, theirs.batch, mine.batch);
  giver.table_.remove(source, none_needed, theirs.batch);
}

template <Machine M>
void AddressSpace<M>::move_pages(AddressSpace& giver, base::VpnRange source, base::VpnRange target,
                                 Reserve& tables, Batch& from, Batch& to) {
  for (base::Vpn page = source.first(); page < source.end();) {
    const Found found = giver.table_.lookup(page);
    if (found.entry.kind == EntryKind::absent) {
      page = found.first + entry_span(found.level);
      continue;
    }
    const Entry moved = giver.table_.take(page, from);
    // No CPU may reach it through the giver when the receiver sees it.
    from.flush();
    table_.put(target.first() + (page - source.first()), moved, tables, to);
    page += base::PageCount(1);
  }
}

}  // namespace vm
