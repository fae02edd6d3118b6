// AddressSpace: life, map, unmap, protect. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// ---- Life

template <Machine M>
base::Status AddressSpace<M>::create(const SpaceOptions& options) {
  BASE_TRY(create_apart(options));
  system_.mappers().join(*this, machine().host().current_cpu());
  return {};
}

template <Machine M>
void AddressSpace<M>::destroy() {
  BASE_CHECK(created_, "AddressSpace destroyed twice");
  sever_loans();
  system_.mappers().leave(*this);
  destroy_apart();
}

template <Machine M>
base::Status AddressSpace<M>::create_apart(const SpaceOptions& options) {
  BASE_CHECK(!created_, "AddressSpace created twice");
  options_ = options;
  const base::VpnRange all = user_pages();
  if (options_.usable.empty()) {
    options_.usable = {all.first() + base::PageCount(16), all.end() - base::PageCount(1)};
  }
  if (options_.mapping_top == base::Vpn(0)) options_.mapping_top = options_.usable.end();
  if (!all.contains(options_.usable) || options_.mapping_top <= options_.usable.first() ||
      options_.mapping_top > options_.usable.end()) {
    return base::Error::invalid_argument;
  }
  BASE_TRY_ASSIGN(const base::Pfn node_page, machine().frames().allocate());
  if (const base::Status status = table_.create(); !status.ok()) {
    machine().frames().free(node_page);
    return status;
  }
  map_.supply({machine().host().window(node_page), node_page.raw()});
  map_.start();
  created_ = true;
  return {};
}

// Nobody else uses the space, so its nodes need no epoch to pass.
template <Machine M>
void AddressSpace<M>::destroy_apart() {
  table_.destroy();
  const base::VpnRange everything = user_pages();
  while (const base::Optional<Mapping> piece = map_.take_first(everything)) {
    if (piece->object() != nullptr) piece->object()->release();
  }
  map_.stop();
  map_.pool().seal(0);
  // All of them: those that were sealed before have a later stamp.
  map_.pool().recycle(~uint64_t(0) - 1);
  while (const base::Optional<MappingNodePool::Page> page = map_.pool().take_free_page()) {
    machine().frames().free(base::Pfn(page->name));
  }
  {
    base::Guard guard(lock_);
    committed_ = locked_ = peak_mapped_ = base::PageCount(0);
    object_mappings_ = 0;
    future_locking_ = Locking::none;
  }
  has_loans_.template store<base::Order::relaxed>(0);
  large_leaves_.template store<base::Order::relaxed>(0);
  created_ = false;
  (void)system_.epochs().poll();
}

// ---- Nodes

template <Machine M>
base::Status AddressSpace<M>::supply_nodes(unsigned insertions) {
  unsigned missing = map_.pages_short({insertions});
  if (BASE_LIKELY(missing == 0)) return {};
  if (map_.pool().has_retired()) {
    (void)system_.epochs().try_advance();
    map_.pool().recycle(system_.epochs().passed());
    missing = map_.pages_short({insertions});
  }
  for (; missing != 0; --missing) {
    BASE_TRY_ASSIGN(const base::Pfn frame, machine().frames().allocate());
    map_.supply({machine().host().window(frame), frame.raw()});
  }
  return {};
}

template <Machine M>
base::Status AddressSpace<M>::supply_nodes_for_append(size_t mappings) {
  for (unsigned missing = map_.pages_short_for_append(mappings); missing != 0; --missing) {
    BASE_TRY_ASSIGN(const base::Pfn frame, machine().frames().allocate());
    map_.supply({machine().host().window(frame), frame.raw()});
  }
  return {};
}

// At the end of an operation: stamps the nodes it freed, gives surplus pages back.
template <Machine M>
void AddressSpace<M>::tidy_nodes() {
  MappingNodePool& pool = map_.pool();
  if (BASE_LIKELY(!pool.has_retired() && pool.empty_pages() <= 1)) return;
  if (pool.has_retired()) {
    pool.seal(system_.epochs().stamp());
    pool.recycle(system_.epochs().passed());
  }
  while (pool.empty_pages() > 1) {
    machine().frames().free(base::Pfn(pool.take_free_page()->name));
  }
}

// ---- Placing

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::place(const Placement& placement,
                                                    base::PageCount count) {
  using Kind = Placement::Kind;
  const base::VpnRange usable = options_.usable;
  if (count.is_zero()) return base::Error::invalid_argument;
  if (count > usable.count()) return base::Error::no_address_range;
  if (placement.kind == Kind::fixed || placement.kind == Kind::fixed_no_replace) {
    const base::Checked<uint64_t> end = base::checked_add(placement.at.raw(), count.raw());
    if (!end.ok || base::Vpn(end.value) > usable.end()) return base::Error::no_address_range;
    if (placement.at < usable.first()) return base::Error::access_denied;
    const base::VpnRange range = base::VpnRange::of(placement.at, count);
    if (placement.kind == Kind::fixed_no_replace && !map_.is_free(range)) {
      return base::Error::already_mapped;
    }
    return range;
  }
  if (!base::is_power_of_two(placement.alignment.raw())) return base::Error::invalid_argument;
  MappingMap::GapRequest gap;
  gap.count = count;
  gap.alignment = placement.alignment;
  gap.stack_guard = options_.stack_guard;
  gap.within = base::VpnRange(usable.first(), options_.mapping_top);
  if (!placement.within.empty()) gap.within = usable.intersect(placement.within);
  if (placement.kind == Kind::hint && placement.at.raw() % placement.alignment.raw() == 0 &&
      placement.at.raw() <= usable.end().raw() - count.raw()) {
    MappingMap::GapRequest there = gap;
    there.within = base::VpnRange::of(placement.at, count);
    if (usable.contains(there.within)) {
      if (const base::Optional<base::Vpn> found = map_.find_gap(there)) {
        return base::VpnRange::of(*found, count);
      }
    }
  }
  if (placement.kind == Kind::randomised && gap.within.count() > count) {
    const uint64_t slack = gap.within.count().raw() - count.raw();
    MappingMap::GapRequest below = gap;
    below.within =
        base::VpnRange(gap.within.first(), gap.within.first() + count +
                                               base::PageCount(placement.entropy % (slack + 1)));
    if (const base::Optional<base::Vpn> found = map_.find_gap(below)) {
      return base::VpnRange::of(*found, count);
    }
  }
  if (const base::Optional<base::Vpn> found = map_.find_gap(gap)) {
    return base::VpnRange::of(*found, count);
  }
  if (placement.within.empty()) {
    gap.within = usable;
    gap.fit = MappingMap::GapRequest::Fit::lowest;
    if (const base::Optional<base::Vpn> found = map_.find_gap(gap)) {
      return base::VpnRange::of(*found, count);
    }
  }
  return base::Error::no_address_range;
}

// ---- What is there

template <Machine M>
typename AddressSpace<M>::Contents AddressSpace<M>::contents(base::VpnRange range) {
  Contents result;
  map_.for_each(range, [&](const Mapping& mapping) {
    const base::PageCount pages = mapping.range().intersect(range).count();
    result.mapped += pages;
    if (mapping.charged()) result.committed += pages;
    if (mapping.locking() != Locking::none) result.locked += pages;
    ++result.mappings;
    if (mapping.object() != nullptr) ++result.objects;
    if (mapping.sealed()) result.sealed = true;
  });
  result.whole = result.mapped == range.count();
  return result;
}

// Whether that much more would still be allowed.
template <Machine M>
base::Status AddressSpace<M>::check_limits(base::PageCount mapped, base::PageCount committed,
                                           base::PageCount locked, unsigned mappings) {
  const SpaceLimits& limits = options_.limits;
  const auto exceeds = [](base::PageCount now, base::PageCount more, base::PageCount limit) {
    return !more.is_zero() && (now > limit || more > limit - now);
  };
  if (exceeds(map_.pages(), mapped, limits.mapped) ||
      exceeds(committed_, committed, limits.committed) ||
      map_.size() + mappings > limits.mappings) {
    return base::Error::out_of_memory;
  }
  if (exceeds(locked_, locked, limits.locked)) return base::Error::limit_exceeded;
  return {};
}

// ---- map

template <Machine M>
base::Status AddressSpace<M>::check_request(const MapRequest& request) {
  if (request.count.is_zero()) return base::Error::invalid_argument;
  if (request.object == nullptr) {
    return request.sharing == Sharing::shared ? base::Status(base::Error::invalid_argument)
                                              : base::Status();
  }
  if (!base::checked_add(request.object_page.raw(), request.count.raw()).ok) {
    return base::Error::limit_exceeded;
  }
  if (request.sharing == Sharing::private_copy && request.inherit == Inherit::share) {
    return base::Error::invalid_argument;
  }
  return {};
}

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::map(const MapRequest& request) {
  BASE_TRY(check_request(request));
  if (request.object != nullptr && request.object->kind() == ObjectKind::borrowed) {
    base::Guard loans(system_.loan_lock());
    PageLender* lender = static_cast<Loaned*>(request.object)->lender();
    if (lender != nullptr && lends_to_itself(static_cast<AddressSpace&>(*lender), 0)) {
      return base::Error::would_deadlock;
    }
    return map_unchecked(request);
  }
  return map_unchecked(request);
}

// What `request` asks for, at page 0.
template <Machine M>
Mapping AddressSpace<M>::prototype_of(const MapRequest& request) {
  const base::Access access = request.access.without(base::Right::user);
  base::Access most = request.max_access.without(base::Right::user);
  if (request.object != nullptr) {
    base::Access allowed = request.object->max_access();
    if (request.sharing == Sharing::private_copy && allowed.can_read()) {
      allowed = allowed.with(base::Right::write);
    }
    most = most.intersect(allowed);
  }
  Mapping prototype(base::VpnRange::of(base::Vpn(0), request.count), access, most);
  prototype.set_sharing(request.sharing)
      .set_inherit(request.inherit)
      .set_huge_pages(request.huge_pages)
      .set_locking(request.locking == Locking::none ? future_locking_ : request.locking)
      .set_tag(request.tag)
      .set_object(request.object, request.object_page);
  if (request.growth == MapRequest::Growth::down) prototype.set_grows_down();
  if (request.commit == Commit::charged && request.sharing == Sharing::private_copy &&
      access.can_write()) {
    prototype.set_charged();
  }
  return prototype;
}

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::map_unchecked(const MapRequest& request) {
  base::VpnRange range;
  Locking locking = Locking::none;
  {
    Operation operation(*this);
    const Mapping prototype = prototype_of(request);
    locking = prototype.locking();
    BASE_TRY_ASSIGN(range, map_locked(operation, prototype, request.placement));
  }
  populate_new(range, request, locking);
  return range;
}

// As with Linux, a page that cannot be brought in is left to its first access.
template <Machine M>
void AddressSpace<M>::populate_new(base::VpnRange range, const MapRequest& request,
                                   Locking locking) {
  if (request.population == Population::lazy && options_.population == Population::lazy &&
      locking != Locking::all) {
    return;
  }
  const base::Access access = request.access.without(base::Right::user);
  const base::Access want = access.can_write() && request.sharing == Sharing::private_copy
                                ? base::Access(base::Right::write)
                            : access.can_read() ? base::Access(base::Right::read)
                                                : base::Access(base::Right::execute);
  if (access.any(base::Right::read | base::Right::write | base::Right::execute)) {
    (void)populate(range, want);
  }
}

// `prototype` has its place at page 0. Takes a reference to its object on success.
template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::map_locked(Operation& operation,
                                                         const Mapping& prototype,
                                                         const Placement& placement) {
  const base::PageCount count = prototype.count();
  BASE_TRY_ASSIGN(const base::VpnRange range, place(placement, count));
  // After the place has been found, as Linux does it: of two errors the caller sees the same.
  if (!prototype.max_access().has(prototype.access())) return base::Error::access_denied;
  Contents now;
  if (placement.kind == Placement::Kind::fixed) now = contents(range);
  if (now.sealed) return base::Error::busy;
  const base::PageCount committed = prototype.charged() ? count : base::PageCount(0);
  const base::PageCount locked = prototype.locking() != Locking::none ? count : base::PageCount(0);
  BASE_TRY(check_limits(count - base::min(count, now.mapped),
                        committed - base::min(committed, now.committed),
                        locked - base::min(locked, now.locked), now.mappings == 0 ? 1 : 2));
  BASE_TRY(supply_nodes(2));
  if (now.mappings != 0) {
    BASE_TRY_ASSIGN(Removal removal, prepare_removal(operation, range, now));
    (void)remove_prepared(operation, range, removal);
    // A fault may fill in new entries as soon as the mapping is there: the old ones must be
    // forgotten before (aarch64: break before make).
    operation.batch.flush();
  }
  if (prototype.object() != nullptr) prototype.object()->retain();
  insert_mapping(prototype.moved(base::Vpn(0), range));
  return range;
}

template <Machine M>
void AddressSpace<M>::insert_mapping(const Mapping& mapping) {
  map_.insert(mapping);
  if (mapping.charged()) committed_ += mapping.count();
  if (mapping.locking() != Locking::none) locked_ += mapping.count();
  if (mapping.object() != nullptr) ++object_mappings_;
  if (peak_mapped_ < map_.pages()) peak_mapped_ = map_.pages();
}

// ---- unmap

template <Machine M>
void AddressSpace<M>::account_removed(const Mapping& piece) {
  if (piece.charged()) committed_ -= piece.count();
  if (piece.locking() != Locking::none) locked_ -= piece.count();
}

template <Machine M>
base::Result<typename AddressSpace<M>::Removal> AddressSpace<M>::prepare_removal(
    Operation& operation, base::VpnRange range, const Contents& now) {
  BASE_TRY(operation.releases.reserve(now.objects));
  Removal removal;
  const bool large = large_leaves_.template load<base::Order::relaxed>() != 0;
  if (!large && table_.content(range) != RangeContent::entries) return removal;
  BASE_TRY_ASSIGN(removal.reserve, table_.prepare(range, Prepare::edges,
                                                  large ? LargeLeaves::possible : LargeLeaves::none,
                                                  operation.batch));
  removal.prepared = true;
  return removal;
}

// Takes what lies in `range` out of the map. Prepared: a node, releases.
template <Machine M>
void AddressSpace<M>::take_mappings(Operation& operation, base::VpnRange range) {
  while (const base::Optional<Mapping> piece = map_.take_first(range)) {
    account_removed(*piece);
    if (piece->object() != nullptr) operation.releases.add(*piece->object());
    if (piece->end() == range.end()) break;
  }
}

template <Machine M>
RangeContent AddressSpace<M>::remove_prepared(Operation& operation, base::VpnRange range,
                                              Removal& removal) {
  take_mappings(operation, range);
  publish_mappings();
  if (removal.prepared) return remove_entries(operation, range, removal);
  const RangeContent content = table_.content(range);
  if (BASE_LIKELY(content != RangeContent::entries)) {
    operation.lost(range);
    return content;
  }
  // A fault was quicker, or is under way: let it end.
  system_.epochs().close(gate_);
  const RangeContent found = remove_entries(operation, range, removal);
  system_.epochs().open(gate_);
  return found;
}

// Removes the entries of the range. Where nothing was prepared since there was none, faults may
// have added some since: their paths are private. The gate is closed then.
template <Machine M>
RangeContent AddressSpace<M>::remove_entries(Operation& operation, base::VpnRange range,
                                             Removal& removal) {
  operation.lost(range);
  if (removal.prepared) {
    table_.remove(range, removal.reserve, operation.batch);
    return RangeContent::entries;
  }
  const RangeContent content = table_.content(range);
  if (BASE_UNLIKELY(content == RangeContent::entries)) {
    table_.visit(range, [&](const Found& found) {
      table_
          .with_private_table(found.first, found.level, operation.batch,
                              [&](LockedTable<M>& table) {
                                (void)table.remove(found.first, operation.batch);
                                return base::Status();
                              })
          .expect("the path to a page that was just filled in is not private");
    });
  }
  return content;
}

// Frees the tables that have become empty in the hole that `range` is now part of.
template <Machine M>
void AddressSpace<M>::trim_around(base::VpnRange range, Batch& batch) {
  const uint64_t table_span = entries_per_table;
  base::Vpn first = user_pages().first();
  base::Vpn end = user_pages().end();
  if (const base::Optional<Mapping> below = map_.at_or_before(range.first())) {
    first = below->end();
    // A neighbour in the tables at both ends: they are not empty.
    if (range.count().raw() <= table_span &&
        first.raw() > base::align_down(range.first().raw(), table_span) &&
        range.last().raw() / table_span == range.first().raw() / table_span) {
      return;
    }
  }
  if (const base::Optional<Mapping> above = map_.at_or_after(range.first())) {
    end = above->first();
  }
  if (first < end) table_.trim(range.intersect({first, end}), {first, end}, batch);
}

template <Machine M>
base::Status AddressSpace<M>::unmap(base::VpnRange range) {
  if (range.empty() || !user_pages().contains(range)) return base::Error::invalid_argument;
  Operation operation(*this);
  return unmap_locked(operation, range);
}

template <Machine M>
base::Status AddressSpace<M>::unmap_locked(Operation& operation, base::VpnRange range) {
  const Contents now = contents(range);
  if (now.mappings == 0) return {};
  if (now.sealed) return base::Error::busy;
  // A hole in the middle of a mapping makes two of one.
  if (now.mappings == 1) BASE_TRY(check_limits({}, {}, {}, 1));
  BASE_TRY(supply_nodes(1));
  BASE_TRY_ASSIGN(Removal removal, prepare_removal(operation, range, now));
  if (remove_prepared(operation, range, removal) != RangeContent::nothing) {
    trim_around(range, operation.batch);
  }
  return {};
}

}  // namespace vm
