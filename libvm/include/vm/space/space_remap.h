// AddressSpace: remap. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::remap(const RemapRequest& request) {
  const base::VpnRange source = request.source;
  if (request.new_count.is_zero() || !user_pages().contains(source)) {
    return base::Error::invalid_argument;
  }
  const bool fixed = request.move == RemapRequest::Move::fixed;
  const bool leave = request.source_becomes == RemapRequest::Source::leave;
  if (fixed) {
    const base::Checked<uint64_t> end =
        base::checked_add(request.target.raw(), request.new_count.raw());
    if (!end.ok || base::Vpn(end.value) > options_.usable.end() ||
        source.overlaps(base::VpnRange::of(request.target, request.new_count))) {
      return base::Error::invalid_argument;
    }
    if (request.target < options_.usable.first()) return base::Error::access_denied;
  }
  if (leave && (request.move == RemapRequest::Move::never || request.new_count != source.count())) {
    return base::Error::invalid_argument;
  }
  base::Result<base::VpnRange> result = base::Error::invalid_argument;
  Locking locking = Locking::none;
  {
    Operation operation(*this);
    const base::Optional<Mapping> found = map_.at_or_after(source.first());
    if (!found || found->first() > source.first()) return base::Error::not_mapped;
    if (found->sealed()) return base::Error::busy;
    locking = found->locking();
    result = remap_locked(operation, request, *found);
  }
  if (result.ok() && locking == Locking::all && request.new_count > source.count()) {
    (void)populate(result.value(), base::Right::read);
  }
  return result;
}

template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::remap_locked(Operation& operation,
                                                           const RemapRequest& request,
                                                           const Mapping& mapping) {
  using Move = RemapRequest::Move;
  const base::VpnRange source = request.source;
  const base::PageCount old_count = source.count();
  const base::PageCount new_count = request.new_count;
  const bool leave = request.source_becomes == RemapRequest::Source::leave;
  if (request.move != Move::fixed && !leave && new_count <= old_count) {
    // Shrink: the tail goes, over whatever it covers.
    const base::VpnRange tail(source.first() + new_count, source.end());
    if (!tail.empty()) BASE_TRY(unmap_locked(operation, tail));
    return base::VpnRange::of(source.first(), new_count);
  }
  // What is kept must be one mapping.
  const base::PageCount kept = base::min(old_count, new_count);
  const base::VpnRange kept_range = base::VpnRange::of(source.first(), kept);
  if (!mapping.range().contains(new_count < old_count ? kept_range : source)) {
    return base::Error::not_mapped;
  }
  if (mapping.object() != nullptr &&
      !base::checked_add(mapping.object_page_of(source.first()).raw(), new_count.raw()).ok) {
    return base::Error::invalid_argument;
  }
  const base::PageCount growth = new_count - kept;
  const base::PageCount none;
  if (request.move != Move::fixed && !leave && mapping.end() == source.end()) {
    const base::VpnRange more = base::VpnRange::of(source.end(), growth);
    if (more.end() <= options_.usable.end() && map_.is_free(more)) {
      BASE_TRY(check_limits(growth, mapping.charged() ? growth : none,
                            mapping.locking() != Locking::none ? growth : none, 0));
      BASE_TRY(supply_nodes(1));
      if (mapping.object() != nullptr) mapping.object()->retain();
      insert_mapping(mapping.moved(source.end(), more));
      return base::VpnRange::of(source.first(), new_count);
    }
  }
  if (request.move == Move::never) return base::Error::no_address_range;
  return move_mapping(operation, request, mapping);
}

// Everything is prepared, what goes at the target too; then the mapping moves, then its tables.
// Faults are kept out meanwhile: no entry appears that was not prepared for, and between the two
// moves, what is mapped and what is there disagree.
template <Machine M>
base::Result<base::VpnRange> AddressSpace<M>::move_mapping(Operation& operation,
                                                           const RemapRequest& request,
                                                           const Mapping& mapping) {
  const bool leave = request.source_becomes == RemapRequest::Source::leave;
  const base::PageCount new_count = request.new_count;
  const base::PageCount kept = base::min(request.source.count(), new_count);
  const base::VpnRange kept_range = base::VpnRange::of(request.source.first(), kept);
  Placement placement = Placement::fixed_at(request.target);
  if (request.move != RemapRequest::Move::fixed) {
    placement = Placement::anywhere();
    placement.alignment = base::PageCount(1);
  }
  BASE_TRY_ASSIGN(const base::VpnRange target, place(placement, new_count));
  Contents there;
  if (request.move == RemapRequest::Move::fixed) there = contents(target);
  if (there.sealed) return base::Error::busy;
  const Contents here = contents(request.source);
  if (here.sealed) return base::Error::busy;
  const base::PageCount more = leave ? new_count : new_count - kept;
  const base::PageCount none;
  const bool locked = mapping.locking() != Locking::none;
  // What stays behind is not locked any more.
  BASE_TRY(check_limits(more, mapping.charged() ? more : none, locked && !leave ? more : none,
                        locked && leave ? 4 : 3));
  BASE_TRY(supply_nodes(4));
  BASE_TRY(operation.releases.reserve(there.objects + here.objects + 1));
  system_.epochs().close(gate_);
  base::Result<Reserve> tables = prepare_move(request.source, kept, target, operation.batch);
  if (tables.ok()) {
    Reserve none_needed;
    if (there.mappings != 0) {
      take_mappings(operation, target);
      publish_mappings();
    }
    // Also where nothing is mapped: empty tables that other spaces share may be left there. All is
    // forgotten before other entries are made in its place.
    table_.remove(target, none_needed, operation.batch);
    operation.batch.flush();
    const Mapping moved = mapping.moved(kept_range.first(), target);
    if (!leave) take_mappings(operation, request.source);
    if (leave && locked) set_locking(request.source, Locking::none);
    if (moved.object() != nullptr) moved.object()->retain();
    insert_mapping(moved);
    publish_mappings();
    table_.move(kept_range, target.first(), tables.value(), operation.batch);
    table_.remove({kept_range.end(), request.source.end()}, none_needed, operation.batch);
    operation.batch.settle();
  }
  system_.epochs().open(gate_);
  if (!tables.ok()) return tables.error();
  if (there.mappings != 0) operation.lost(target);
  operation.lost(request.source);
  if (!leave) trim_around(request.source, operation.batch);
  return target;
}

// The tables that moving the first `kept` pages of `source` to `target` needs; removing the rest of
// `source` and what is at `target` is prepared too. The gate is closed until that is done.
template <Machine M>
base::Result<Reservation<typename M::Host>> AddressSpace<M>::prepare_move(base::VpnRange source,
                                                                          base::PageCount kept,
                                                                          base::VpnRange target,
                                                                          Batch& batch) {
  const base::VpnRange moving = base::VpnRange::of(source.first(), kept);
  const base::VpnRange tail(moving.end(), source.end());
  const uint64_t span = uint64_t(entries_per_table);
  const bool alike = (moving.first().raw() - target.first().raw()) % span == 0;
  // No fault makes a larger leaf meanwhile, so that nothing need be reserved for splitting it.
  BASE_TRY(
      table_.prepare(moving, alike ? Prepare::edges : Prepare::present, LargeLeaves::none, batch));
  BASE_TRY(table_.prepare(tail, Prepare::edges, LargeLeaves::none, batch));
  return table_.prepare_move(moving, target, batch);
}

}  // namespace vm
