// AddressSpace: advice, locking, writing back; pages that objects take away. Part of
// address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// New attributes for what is mapped in `range`; holes are stepped over and reported.
template <Machine M>
template <class Allowed, class Change>
base::Status AddressSpace<M>::set_attributes(base::VpnRange range, Allowed&& allowed,
                                             Change&& change) {
  bool fits = true;
  map_.for_each(range, [&](const Mapping& mapping) { fits = fits && allowed(mapping); });
  if (!fits) return base::Error::invalid_argument;
  const bool whole = contents(range).whole;
  BASE_TRY(check_limits({}, {}, {}, 2));
  BASE_TRY(supply_nodes(2));
  change_mappings(range, change);
  return whole ? base::Status() : base::Status(base::Error::not_mapped);
}

template <Machine M>
base::Status AddressSpace<M>::advise(base::VpnRange range, Advice advice) {
  if (!user_pages().contains(range)) return base::Error::invalid_argument;
  if (range.empty()) return {};
  if (is_attribute(advice)) {
    Operation operation(*this);
    return set_attributes(
        range,
        [&](const Mapping& mapping) {
          return advice != Advice::wipe_on_fork ||
                 (mapping.object() == nullptr && !mapping.is_shared());
        },
        [&](Mapping& mapping) { set_advice(mapping, advice); });
  }
  switch (advice) {
    case Advice::dont_need:
    case Advice::free: return drop_contents(range, advice);
    case Advice::remove: return discard(range);
    case Advice::will_need: return will_need(range);
    case Advice::populate_read:
    case Advice::populate_write: {
      const FaultOutcome outcome =
          populate(range, advice == Advice::populate_read ? base::Right::read : base::Right::write);
      if (outcome.is_resolved()) return {};
      if (outcome.must_wait()) return base::Error::would_block;
      switch (outcome.refusal()) {
        case Refusal::unmapped: return base::Error::not_mapped;
        case Refusal::access: return base::Error::invalid_argument;
        case Refusal::bus: return base::Error::bus;
        case Refusal::out_of_memory: return base::Error::out_of_memory;
      }
      return base::Error::invalid_argument;
    }
    case Advice::cold:
    case Advice::page_out: {
      // Hints to a reclaimer. Locked pages refuse them as they refuse dont_need.
      Operation operation(*this);
      const Contents now = contents(range);
      if (!now.locked.is_zero()) return base::Error::invalid_argument;
      return now.whole ? base::Status() : base::Status(base::Error::not_mapped);
    }
    default: return base::Error::invalid_argument;
  }
}

template <Machine M>
base::Status AddressSpace<M>::drop_contents(base::VpnRange range, Advice advice) {
  Operation operation(*this);
  const Contents now = contents(range);
  if (!now.locked.is_zero()) return base::Error::invalid_argument;
  if (advice == Advice::free) {
    bool fits = true;
    map_.for_each(range, [&](const Mapping& mapping) {
      fits = fits && mapping.object() == nullptr && !mapping.is_shared();
    });
    if (!fits) return base::Error::invalid_argument;
  }
  BASE_TRY_ASSIGN(Removal removal, prepare_removal(operation, range, {}));
  // The mapping stays, so a fault would fill in new entries before the old ones are forgotten
  // (aarch64: break before make).
  system_.epochs().close(gate_);
  (void)remove_entries(operation, range, removal);
  operation.batch.flush();
  system_.epochs().open(gate_);
  return now.whole ? base::Status() : base::Status(base::Error::not_mapped);
}

// Objects are called without a lock: the mappings are gone through one by one, each looked at anew.
template <Machine M>
template <class Act>
base::Status AddressSpace<M>::for_each_object(base::VpnRange range, Act&& act) {
  bool whole = true;
  for (base::Vpn at = range.first(); at < range.end();) {
    ObjectRef object;
    ObjectRange pages;
    base::Optional<Mapping> mapping;
    {
      base::Guard guard(lock_);
      mapping = map_.at_or_after(at);
      if (mapping && mapping->object() != nullptr && mapping->first() < range.end()) {
        object = ObjectRef::share(*mapping->object());
        pages = mapping->object_range_of(mapping->range().intersect(range));
      }
    }
    if (!mapping || mapping->first() > at) whole = false;
    if (!mapping || mapping->first() >= range.end()) break;
    if (const base::Status status = act(*mapping, object, pages); !status.ok()) return status;
    at = mapping->end();
  }
  return whole ? base::Status() : base::Status(base::Error::not_mapped);
}

template <Machine M>
base::Status AddressSpace<M>::discard(base::VpnRange range) {
  return for_each_object(
      range, [](const Mapping& mapping, ObjectRef& object, ObjectRange pages) -> base::Status {
        if (!object || mapping.locking() != Locking::none) return base::Error::invalid_argument;
        if (!mapping.is_shared() || !mapping.max_access().can_write()) {
          return base::Error::access_denied;
        }
        return object->discard(pages);
      });
}

template <Machine M>
base::Status AddressSpace<M>::will_need(base::VpnRange range) {
  return for_each_object(range,
                         [](const Mapping&, ObjectRef& object, ObjectRange pages) -> base::Status {
                           if (object) object->will_need(pages);
                           return {};
                         });
}

// ---- Locking

template <Machine M>
base::Status AddressSpace<M>::lock(base::VpnRange range, Locking locking) {
  if (!user_pages().contains(range)) return base::Error::not_mapped;
  if (range.empty()) return {};
  {
    Operation operation(*this);
    const Contents now = contents(range);
    if (!now.whole) return base::Error::not_mapped;
    if (locking != Locking::none) {
      BASE_TRY(check_limits({}, {}, range.count() - now.locked, 2));
    }
    BASE_TRY(supply_nodes(2));
    set_locking(range, locking);
  }
  return locking == Locking::all ? bring_in(range, OnFailure::stop) : base::Status();
}

template <Machine M>
void AddressSpace<M>::set_locking(base::VpnRange range, Locking locking) {
  change_mappings(range, [&](Mapping& mapping) BASE_NO_THREAD_SAFETY_ANALYSIS {
    if (mapping.locking() != Locking::none) locked_ -= mapping.count();
    if (locking != Locking::none) locked_ += mapping.count();
    mapping.set_locking(locking);
  });
}

// Faults everything in as its mapping allows: private writable pages get their own copy.
template <Machine M>
base::Status AddressSpace<M>::bring_in(base::VpnRange range, OnFailure on_failure) {
  for (base::Vpn at = range.first(); at < range.end();) {
    base::Optional<Mapping> mapping;
    {
      base::Guard guard(lock_);
      mapping = map_.at_or_after(at);
    }
    if (!mapping || mapping->first() >= range.end()) break;
    const base::Access access = mapping->access();
    const base::Access want = access.can_write() && !mapping->is_shared()
                                  ? base::Access(base::Right::write)
                              : access.can_read() ? base::Access(base::Right::read)
                                                  : base::Access(base::Right::execute);
    const FaultOutcome outcome = access.any(want)
                                     ? populate(mapping->range().intersect(range), want)
                                     : FaultOutcome::refused(Refusal::access);
    if (!outcome.is_resolved() && on_failure == OnFailure::stop) {
      return outcome.must_wait() ? base::Error::would_block : base::Error::out_of_memory;
    }
    at = mapping->end();
  }
  return {};
}

template <Machine M>
base::Status AddressSpace<M>::lock_all(Locking present, Locking future) {
  {
    Operation operation(*this);
    if (present != Locking::none && map_.pages() > options_.limits.locked) {
      return base::Error::out_of_memory;
    }
    BASE_TRY(supply_nodes(2));
    set_locking(user_pages(), present);
    future_locking_ = future;
  }
  // As with Linux, pages that cannot be brought in are no error of mlockall.
  if (present == Locking::all) (void)bring_in(user_pages(), OnFailure::next_mapping);
  return {};
}

template <Machine M>
void AddressSpace<M>::lock_later(Locking future) {
  base::Guard guard(lock_);
  future_locking_ = future;
}

template <Machine M>
base::PageCount AddressSpace<M>::locked() const {
  base::Guard guard(lock_);
  return locked_;
}

// ---- Writing back

// One object after the other, each as far as it goes. Objects make their pages' entries clean by
// themselves, through clean_pages() of every space.
template <Machine M>
SyncOutcome AddressSpace<M>::sync(SyncProgress& progress, SyncMode mode) {
  const base::VpnRange range = progress.range;
  if (!user_pages().contains(range)) return SyncOutcome::failed(base::Error::not_mapped);
  if (mode == SyncMode::invalidate) {
    base::Guard guard(lock_);
    if (!contents(range).locked.is_zero()) return SyncOutcome::failed(base::Error::busy);
  }
  while (progress.at < range.end()) {
    ObjectRef object;
    base::Optional<Mapping> mapping;
    {
      base::Guard guard(lock_);
      mapping = map_.at_or_after(progress.at);
      if (mapping && mapping->is_shared()) object = ObjectRef::share(*mapping->object());
    }
    if (!mapping || mapping->first() > progress.at) progress.met_hole = true;
    if (!mapping || mapping->first() >= range.end()) break;
    if (object) {
      const ObjectRange pages = mapping->object_range_of(
          mapping->range().intersect({base::max(progress.at, mapping->first()), range.end()}));
      if (progress.object != object.get() || progress.run.range() != pages) {
        progress.object = object.get();
        progress.run = SyncRun(pages);
      }
      const SyncAnswer answer = object->sync(progress.run);
      if (answer.kind() == SyncAnswer::Kind::failed) {
        if (progress.error == base::Error::not_mapped) progress.error = answer.error();
      } else if (answer.kind() == SyncAnswer::Kind::wait && mode == SyncMode::wait) {
        const PageWait wait = answer.wait();
        return SyncOutcome::wait({base::move(object), wait});
      }
    }
    progress.at = mapping->end();
  }
  if (progress.error != base::Error::not_mapped || progress.met_hole) {
    return SyncOutcome::failed(progress.error);
  }
  return SyncOutcome::done();
}

template <Machine M>
void AddressSpace<M>::note_dirty(const Found& found) {
  if (found.entry.kind != EntryKind::leaf || !found.entry.dirty) return;
  FrameRecord* record = machine().counted(found.entry.frame);
  if (record != nullptr && record->state() == FrameState::object_page) record->mark_dirty();
}

// ---- Pages that leave objects

// The gate keeps faults out that have asked the object before it let the pages go.
template <Machine M>
void AddressSpace<M>::drop_pages(MemoryObject& object, ObjectRange pages) {
  Operation operation(*this);
  if (object_mappings_ == 0) return;
  for_each_mapping_of(
      object, pages, [&](const Mapping&, base::VpnRange range) BASE_NO_THREAD_SAFETY_ANALYSIS {
        while (true) {
          system_.epochs().close(gate_);
          base::Result<Reserve> reserve = table_.prepare(
              range, Prepare::present,
              large_leaves_.template load<base::Order::relaxed>() != 0 ? LargeLeaves::possible
                                                                       : LargeLeaves::none,
              operation.batch);
          if (reserve.ok()) drop_object_pages(range, operation.batch);
          operation.batch.settle();
          system_.epochs().open(gate_);
          if (reserve.ok()) return;
          machine().host().relax();  // no memory for the tables of the edges: others must give some
        }
      });
}

// Removes the entries that name a page of the object; private copies stay, lent ones (pinned) too.
template <Machine M>
void AddressSpace<M>::drop_object_pages(base::VpnRange range, Batch& batch) {
  table_.visit(range, [&](const Found& found) {
    if (found.entry.kind != EntryKind::leaf || has_flag(found.entry, LeafFlag::pinned)) return;
    FrameRecord* record = machine().counted(found.entry.frame);
    if (record != nullptr && record->state() == FrameState::private_page) return;
    const base::Status status =
        table_.with_private_table(found.first, found.level, batch, [&](LockedTable<M>& table) {
          (void)table.remove(found.first, batch);
          return base::Status();
        });
    status.expect("the path to an object's page was not prepared");
  });
}

// Beside faults: one that has marked the page dirty before leaves a dirty entry behind for the next
// time.
template <Machine M>
void AddressSpace<M>::clean_pages(MemoryObject& object, ObjectRange pages) {
  Operation operation(*this);
  if (object_mappings_ == 0) return;
  for_each_mapping_of(object, pages, [&](const Mapping& mapping, base::VpnRange range) {
    if (!mapping.is_shared()) return;
    while (true) {
      base::Result<Reserve> reserve = table_.prepare(
          range, Prepare::present,
          large_leaves_.template load<base::Order::relaxed>() != 0 ? LargeLeaves::possible
                                                                   : LargeLeaves::none,
          operation.batch);
      if (reserve.ok()) {
        table_.protect(range, mapping.access().with(base::Right::user).without(base::Right::write),
                       ClosedTables::none, reserve.value(), operation.batch);
        // No section: the tables of the range are this space's alone, and only writers detach them.
        table_.harvest(range, Harvest::clear_dirty, operation.batch,
                       [&](const Found& found) { note_dirty(found); });
        return;
      }
      operation.batch.settle();  // what it holds may be what others need
      machine().host().relax();
    }
  });
}

// Act for each part of the space that may have entries for `pages`: mappings of the object, and
// whatever is borrowed from spaces that lend on, for where such a loan leads is theirs to know.
template <Machine M>
template <class Act>
void AddressSpace<M>::for_each_mapping_of(MemoryObject& object, ObjectRange pages, Act&& act) {
  map_.for_each(user_pages(), [&](const Mapping& mapping) {
    if (mapping.object() != &object) {
      if (mapping.object() != nullptr && mapping.object()->kind() == ObjectKind::borrowed &&
          static_cast<Loaned*>(mapping.object())->lends_on()) {
        act(mapping, mapping.range());
      }
      return;
    }
    const ObjectRange part = mapping.object_range_of(mapping.range()).intersect(pages);
    if (part.empty()) return;
    const base::Vpn first = mapping.first() + (part.first() - mapping.object_page());
    act(mapping, base::VpnRange::of(first, part.count()));
  });
}

}  // namespace vm
