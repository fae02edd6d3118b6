// AddressSpace: protect, and how attributes of a range change. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// What the entries of a mapping may give without asking again: an object that tracks writes sees
// the first one through a fault.
template <Machine M>
base::Access AddressSpace<M>::table_access(const Mapping& mapping) {
  base::Access access = mapping.access().with(base::Right::user);
  if (mapping.is_shared() && mapping.object()->tracks_writes()) {
    access = access.without(base::Right::write);
  }
  return access;
}

template <Machine M>
template <class Change>
void AddressSpace<M>::change_mappings(base::VpnRange range, Change&& change) {
  map_.split_at(range.first());
  map_.split_at(range.end());
  base::Vpn at = range.first();
  while (const base::Optional<Mapping> found = map_.at_or_after(at)) {
    if (found->first() >= range.end()) break;
    Mapping mapping = *found;
    change(mapping);
    if (!(mapping == *found)) map_.replace(mapping);
    map_.merge_at(mapping.first());
    at = mapping.end();
  }
  map_.merge_at(range.end());
}

template <Machine M>
base::Status AddressSpace<M>::protect(base::VpnRange range, base::Access wanted) {
  if (range.empty() || !user_pages().contains(range)) return base::Error::invalid_argument;
  const base::Access access = wanted.without(base::Right::user);
  Operation operation(*this);
  bool allowed = true;
  bool changes = false;
  bool loses_rights = false;
  base::PageCount committed;
  map_.for_each(range, [&](const Mapping& mapping) {
    if (mapping.access() == access) return;
    changes = true;
    allowed = allowed && mapping.max_access().has(access);
    // The write right of private memory too: a leaf below a closed entry keeps its own, and an
    // entry that is opened because nobody else names the table any more would bring it back.
    if (mapping.access().without(access) != base::Access::none()) loses_rights = true;
    if (access.can_write() && !mapping.is_shared() && !mapping.charged()) {
      committed += mapping.range().intersect(range).count();
    }
  });
  const Contents now = contents(range);
  if (!now.whole) return base::Error::not_mapped;
  if (now.sealed && changes) return base::Error::busy;
  if (!allowed) return base::Error::access_denied;
  if (!changes) return {};
  BASE_TRY(check_limits({}, committed, {}, 2));
  BASE_TRY(supply_nodes(2));
  const LargeLeaves large = large_leaves_.template load<base::Order::relaxed>() != 0
                                ? LargeLeaves::possible
                                : LargeLeaves::none;
  const ClosedTables closed = loses_rights ? ClosedTables::none : ClosedTables::skip;
  Reserve reserve;
  if (loses_rights || large == LargeLeaves::possible) {
    BASE_TRY_ASSIGN(reserve, table_.prepare(range, loses_rights ? Prepare::present : Prepare::edges,
                                            large, operation.batch));
  }
  set_access(range, access, closed, reserve, operation.batch);
  return {};
}

// The part of protect that cannot fail: everything is prepared.
template <Machine M>
void AddressSpace<M>::set_access(base::VpnRange range, base::Access access, ClosedTables closed,
                                 Reserve& reserve, Batch& batch) {
  change_mappings(range, [&](Mapping& mapping) BASE_NO_THREAD_SAFETY_ANALYSIS {
    mapping.set_access(access);
    if (access.can_write() && !mapping.is_shared() && !mapping.charged()) {
      mapping.set_charged();
      committed_ += mapping.count();
    }
  });
  publish_mappings();
  // Neighbours with the same rights at once: a large leaf may serve several mappings, and only at
  // the ends of the range is it split.
  base::VpnRange alike;
  base::Access granted;
  const auto protect_alike = [&] { table_.protect(alike, granted, closed, reserve, batch); };
  map_.for_each(range, [&](const Mapping& mapping) {
    const base::VpnRange part = mapping.range().intersect(range);
    if (table_access(mapping) == granted && part.first() == alike.end()) {
      alike = {alike.first(), part.end()};
      return;
    }
    protect_alike();
    alike = part;
    granted = table_access(mapping);
  });
  protect_alike();
}

}  // namespace vm
