// AddressSpace: looking at it, running it, checking it. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

template <Machine M>
base::Optional<Mapping> AddressSpace<M>::mapping_at_or_after(base::Vpn page) {
  base::Guard guard(lock_);
  return map_.at_or_after(page);
}

template <Machine M>
template <class Visit>
bool AddressSpace<M>::visit_mapping_at(base::Vpn page, Visit&& visit) {
  base::Guard guard(lock_);
  const base::Optional<Mapping> found = map_.at_or_after(page);
  if (!found || !found->range().contains(page)) {
    return false;
  }
  visit(*found);
  return true;
}

template <Machine M>
PageState AddressSpace<M>::state_of(base::Vpn page, const Mapping& mapping, const Found& found) {
  PageState state;
  state.page = page;
  state.mapped = true;
  state.swapped = found.entry.kind == EntryKind::software;
  state.present = found.entry.kind == EntryKind::leaf;
  if (state.present) {
    state.resident = true;
    state.frame = found.frame_of(page);
    state.accessed = found.entry.accessed;
    state.dirty = found.entry.dirty;
    state.zero = state.frame == system_.zero_frame();
    const FrameRecord* record = machine().counted(found.entry.frame);
    state.shared = state.zero || (record != nullptr && record->references() > 1);
  } else if (mapping.object() != nullptr) {
    const PageAnswer answer = mapping.object()->resident(mapping.object_page_of(page));
    state.resident = answer.is_page();
    if (answer.is_page()) machine().drop_frame(answer.frame());
  }
  return state;
}

template <Machine M>
PageState AddressSpace<M>::page_state(base::Vpn page) {
  PageState state;
  state.page = page;
  (void)visit_pages(base::VpnRange::single(page), [&](const PageState& now) { state = now; });
  return state;
}

template <Machine M>
template <class Visit>
void AddressSpace<M>::visit_mappings(Visit&& visit) {
  base::Guard guard(lock_);
  map_.for_each(user_pages(), visit);
}

template <Machine M>
template <class Visit>
base::Status AddressSpace<M>::visit_pages(base::VpnRange range, Visit&& visit) {
  base::Guard guard(lock_);
  bool whole = true;
  base::Vpn at = range.first();
  map_.for_each(range, [&](const Mapping& mapping) {
    const base::VpnRange part = mapping.range().intersect(range);
    if (part.first() > at) whole = false;
    at = part.end();
    for (base::Vpn page = part.first(); page < part.end(); page += base::PageCount(1)) {
      typename Epochs<Host>::Section section(system_.epochs());
      visit(state_of(page, mapping, table_.lookup(page)));
    }
  });
  return whole && at >= range.end() ? base::Status() : base::Status(base::Error::not_mapped);
}

template <Machine M>
RangeUse AddressSpace<M>::use(base::VpnRange range) {
  if (!user_pages().contains(range)) return {};
  base::Guard guard(lock_);
  typename Epochs<Host>::Section section(system_.epochs());
  return table_.use(range);
}

template <Machine M>
SpaceStatistics AddressSpace<M>::statistics() {
  SpaceStatistics result;
  {
    base::Guard guard(lock_);
    result.mappings = map_.size();
    result.mapped = map_.pages();
    result.committed = committed_;
    result.locked = locked_;
    result.peak_mapped = peak_mapped_;
    typename Epochs<Host>::Section section(system_.epochs());
    result.resident = table_.resident(user_pages());
  }
  counters_.fill(result.faults);
  const TableCounters tables = table_.counters();
  result.faults.tables_shared = tables.shared;
  result.faults.tables_made_private = tables.made_private;
  return result;
}

template <Machine M>
SpaceLimits AddressSpace<M>::limits() const {
  base::Guard guard(lock_);
  return options_.limits;
}

template <Machine M>
void AddressSpace<M>::set_limits(const SpaceLimits& limits) {
  base::Guard guard(lock_);
  options_.limits = limits;
}

// ---- CPUs

template <Machine M>
void AddressSpace<M>::activate() {
  BASE_CHECK(created_, "activating a space that is not created");
  table_.enter();
}

template <Machine M>
void AddressSpace<M>::deactivate() {
  machine().tlb().leave();
}

// ---- Checks

template <Machine M>
void AddressSpace<M>::check() {
  base::Guard guard(lock_);
  BASE_CHECK(!gate_.is_closed(), "gate of a space left closed");
  map_.check();
  table_.check();
  base::PageCount committed;
  base::PageCount locked;
  uint64_t objects = 0;
  map_.for_each(user_pages(), [&](const Mapping& mapping) {
    if (mapping.charged()) committed += mapping.count();
    if (mapping.locking() != Locking::none) locked += mapping.count();
    if (mapping.object() != nullptr) ++objects;
    BASE_CHECK(options_.usable.contains(mapping.range()), "mapping outside the usable pages");
    BASE_CHECK(!mapping.is_shared() || mapping.object() != nullptr, "shared mapping of nothing");
    BASE_CHECK(!mapping.charged() || !mapping.is_shared(), "shared mapping charged");
  });
  BASE_CHECK(committed == committed_, "commit charge does not match the mappings");
  BASE_CHECK(locked == locked_, "locked pages do not match the mappings");
  BASE_CHECK(objects == 0 || object_mappings_ != 0, "mappings of objects uncounted");
  BASE_CHECK(map_.pages() <= peak_mapped_, "peak below the present size");
  check_entries();
}

// Every page of an entry lies in a mapping, and the entry gives no more than the mapping allows. A
// large leaf may span mappings that differ in other things than rights.
template <Machine M>
void AddressSpace<M>::check_entries() {
  table_.visit(user_pages(), [&](const Found& found) {
    const base::VpnRange pages = base::VpnRange::of(found.first, entry_span(found.level));
    for (base::Vpn at = pages.first(); at < pages.end();) {
      const MappingMap::Reading reading = map_.find(at);
      BASE_CHECK(reading.found(), "page table entry outside every mapping");
      if (found.entry.kind == EntryKind::leaf) check_leaf(found, reading.mapping());
      at = reading.mapping().end();
    }
  });
}

template <Machine M>
void AddressSpace<M>::check_leaf(const Found& found, const Mapping& mapping) {
  const base::Access most =
      Format::granted(mapping.access().with(base::Right::user), machine().features());
  const base::Access given = found.entry.access.intersect(found.limit);
  BASE_CHECK(!given.can_write() || most.can_write(), "entry writable, mapping not");
  BASE_CHECK(!given.can_execute() || most.can_execute(), "entry executable, mapping not");
  FrameRecord* record = machine().counted(found.entry.frame);
  if (record == nullptr) {
    BASE_CHECK(!given.can_write() || mapping.object() != nullptr, "zero frame writable");
    return;
  }
  BASE_CHECK(record->references() != 0, "entry of a frame that nobody holds");
  const bool private_page = record->state() == FrameState::private_page;
  BASE_CHECK(
      mapping.object() != nullptr || private_page ||
          (record->state() == FrameState::borrowed && has_flag(found.entry, LeafFlag::pinned)),
      "foreign frame in private memory");
  BASE_CHECK(!private_page || !given.can_write() || record->is_exclusive(),
             "private page writable by several");
}

template <Machine M>
template <class Print>
void AddressSpace<M>::dump(Print&& print) {
  base::Guard guard(lock_);
  map_.for_each(user_pages(), [&](const Mapping& mapping) { print(mapping); });
}

}  // namespace vm
