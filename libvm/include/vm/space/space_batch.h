// AddressSpace: several changes as one. Part of address_space.h.
//
// Rehearse, prepare, commit, all under the space's lock:
//   1. The changes are made to a copy of the layout, a space without pages. What is wrong with any
//      of them shows here, by the very code that makes them one by one.
//   2. Everything that making them takes is had: mapping nodes, tables made private, leaves split,
//      tables for pages that arrive. None of it can be seen.
//   3. They are made. Nothing allocates, so nothing fails.
// Faults are kept out from 2 on, so that what was prepared stays so and nobody sees half a batch.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// A space to try changes on, in a frame of its own. Nobody runs it; it has no pages, so that no
// object has to tell it anything and nobody else ever sees it: its layout is copied without its
// lock.
template <Machine M>
class AddressSpace<M>::Rehearsal {
 public:
  explicit Rehearsal(SpaceSystem<M>& system) : system_(system) {}
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;
  // No lock held: objects may die.
  ~Rehearsal() {
    if (space_ == nullptr) return;
    space_->destroy_apart();
    base::destroy_at(space_);
    system_.machine().frames().free(home_);
  }

  // Error::out_of_memory. No lock held.
  [[nodiscard]] base::Status start(const SpaceOptions& options) {
    static_assert(sizeof(AddressSpace) <= base::page_size);
    System<M>& machine = system_.machine();
    BASE_TRY_ASSIGN(home_, machine.frames().allocate());
    auto* space = base::construct_at<AddressSpace>(machine.host().window(home_), system_,
                                                   base::LockRank::rehearsal);
    SpaceOptions lazy = options;
    lazy.population = Population::lazy;
    if (const base::Status created = space->create_apart(lazy); !created.ok()) {
      base::destroy_at(space);
      machine.frames().free(home_);
      return created;
    }
    space_ = space;
    return {};
  }
  [[nodiscard]] AddressSpace& space() { return *space_; }

 private:
  SpaceSystem<M>& system_;
  AddressSpace* space_ = nullptr;
  base::Pfn home_;
};

// Who takes part in a batch, and what has been prepared for it.
template <Machine M>
class AddressSpace<M>::Parties {
 public:
  Parties(AddressSpace& mine, AddressSpace& rehearsal, Operation& operation)
      : rehearsal(rehearsal), operation(operation), mine_(mine) {}
  ~Parties() { open_gates(); }
  Parties(const Parties&) = delete;
  Parties& operator=(const Parties&) = delete;

  void close_gates() {
    mine_.system_.epochs().close(mine_.gate_);
    if (giver != nullptr) mine_.system_.epochs().close(giver->gate_);
    closed_ = true;
  }
  void open_gates() {
    if (!base::exchange(closed_, false)) return;
    if (giver != nullptr) mine_.system_.epochs().open(giver->gate_);
    mine_.system_.epochs().open(mine_.gate_);
  }

  AddressSpace& rehearsal;
  Operation& operation;
  AddressSpace* giver = nullptr;
  AddressSpace* giver_rehearsal = nullptr;
  Operation* giver_operation = nullptr;
  // Counted by the rehearsal.
  unsigned insertions = 0;
  unsigned transfers = 0;
  uint64_t releases = 0;
  // For the pages that arrive.
  base::PageCount tables_needed;
  Reserve tables;

 private:
  AddressSpace& mine_;
  bool closed_ = false;
};

template <Machine M>
BatchOutcome AddressSpace<M>::apply(base::Span<SpaceChange> changes, AddressSpace* giver) {
  if (giver == this) return {base::Error::invalid_argument, changes.size()};
  bool borrows = false;
  for (const SpaceChange& change : changes) {
    borrows = borrows || (change.kind == SpaceChange::Kind::map && change.map.object != nullptr &&
                          change.map.object->kind() == ObjectKind::borrowed);
  }
  BatchOutcome outcome;
  if (borrows) {
    base::Guard loans(system_.loan_lock());
    for (size_t i = 0; i < changes.size(); ++i) {
      MemoryObject* const object = changes[i].map.object;
      if (object == nullptr || object->kind() != ObjectKind::borrowed) continue;
      PageLender* const lender = static_cast<Loaned*>(object)->lender();
      if (lender != nullptr && lends_to_itself(static_cast<AddressSpace&>(*lender), 0)) {
        return {base::Error::would_deadlock, i};
      }
    }
    outcome = apply_checked(changes, giver);
  } else {
    outcome = apply_checked(changes, giver);
  }
  if (!outcome.status.ok()) return outcome;
  for (const SpaceChange& change : changes) {
    if (change.kind == SpaceChange::Kind::map) {
      Locking locking = change.map.locking;
      if (locking == Locking::none) {
        base::Guard guard(lock_);
        locking = future_locking_;
      }
      populate_new(change.range, change.map, locking);
    } else if (change.kind == SpaceChange::Kind::advise && change.advice == Advice::will_need) {
      (void)will_need(change.range);
    }
  }
  return outcome;
}

template <Machine M>
BatchOutcome AddressSpace<M>::apply_checked(base::Span<SpaceChange> changes,
                                            AddressSpace* giver) BASE_NO_THREAD_SAFETY_ANALYSIS {
  // Die last: with no lock held.
  Rehearsal mine(system_);
  Rehearsal theirs(system_);
  if (const base::Status status = mine.start(options_now()); !status.ok()) {
    return {status, changes.size()};
  }
  if (giver == nullptr) {
    Operation operation(*this);
    Parties parties(*this, mine.space(), operation);
    return apply_locked(changes, parties);
  }
  if (const base::Status status = theirs.start(giver->options_now()); !status.ok()) {
    return {status, changes.size()};
  }
  // Ascending addresses, as transfer() does.
  while (true) {
    {
      Operation first(this < giver ? *this : *giver);
      Operation second(this < giver ? *giver : *this);
      if (!must_wait_for_walk()) {
        BatchOutcome outcome;
        {
          Parties parties(*this, mine.space(), this < giver ? first : second);
          parties.giver = giver;
          parties.giver_rehearsal = &theirs.space();
          parties.giver_operation = this < giver ? &second : &first;
          outcome = apply_locked(changes, parties);
        }
        second.unlock();
        first.unlock();
        return outcome;
      }
    }
    system_.mappers().wait_for_walk();
  }
}

template <Machine M>
BatchOutcome AddressSpace<M>::apply_locked(base::Span<SpaceChange> changes,
                                           Parties& parties) BASE_NO_THREAD_SAFETY_ANALYSIS {
  base::Status status = copy_layout(parties.rehearsal);
  if (status.ok() && parties.giver != nullptr) {
    status = parties.giver->copy_layout(*parties.giver_rehearsal);
  }
  if (!status.ok()) return {status, changes.size()};
  for (size_t i = 0; i < changes.size(); ++i) {
    status = rehearse(changes[i], parties);
    if (!status.ok()) return {status, i};
  }
  status = supply_nodes(parties.insertions);
  if (status.ok()) status = parties.operation.releases.reserve(parties.releases);
  if (status.ok() && parties.giver != nullptr) {
    status = parties.giver->supply_nodes(parties.transfers);
  }
  if (!status.ok()) return {status, changes.size()};
  parties.close_gates();
  for (const SpaceChange& change : changes) {
    status = prepare_change(change, parties);
    if (!status.ok()) return {status, changes.size()};
  }
  if (!parties.tables_needed.is_zero()) {
    base::Result<Reserve> tables = Reserve::of(machine().frames(), parties.tables_needed);
    if (!tables.ok()) return {tables.error(), changes.size()};
    parties.tables = base::move(tables).value();
  }
  for (const SpaceChange& change : changes) commit_change(change, parties);
  // What faults may fill in from now on must not meet what CPUs remember (aarch64: break before
  // make). In the giver they find nothing mapped, and its pages were forgotten one by one.
  parties.operation.batch.flush();
  return {{}, changes.size()};
}

// The same mappings and limits in `to`, which is empty; no pages.
template <Machine M>
base::Status AddressSpace<M>::copy_layout(AddressSpace& to) BASE_NO_THREAD_SAFETY_ANALYSIS {
  BASE_TRY(to.supply_nodes_for_append(map_.size()));
  map_.for_each(user_pages(), [&](const Mapping& mapping) BASE_NO_THREAD_SAFETY_ANALYSIS {
    if (mapping.object() != nullptr) {
      mapping.object()->retain();
      ++to.object_mappings_;
    }
    to.map_.append(mapping);
  });
  to.options_.limits = options_.limits;
  to.committed_ = committed_;
  to.locked_ = locked_;
  to.peak_mapped_ = map_.pages();
  // Counted, never brought in.
  to.future_locking_ = future_locking_ == Locking::none ? Locking::none : Locking::on_fault;
  return {};
}

template <Machine M>
base::Status AddressSpace<M>::rehearse(SpaceChange& change,
                                       Parties& parties) BASE_NO_THREAD_SAFETY_ANALYSIS {
  using Kind = SpaceChange::Kind;
  AddressSpace& space = parties.rehearsal;
  switch (change.kind) {
    case Kind::map: {
      BASE_TRY(check_request(change.map));
      MapRequest request = change.map;
      request.population = Population::lazy;
      if (request.locking == Locking::all) request.locking = Locking::on_fault;
      if (request.placement.kind == Placement::Kind::fixed) {
        BASE_TRY_ASSIGN(const base::VpnRange there, space.place(request.placement, request.count));
        parties.releases += space.contents(there).objects;
      }
      parties.insertions += 2;
      BASE_TRY_ASSIGN(change.range, space.map_unchecked(request));
      return {};
    }
    case Kind::unmap:
      if (change.range.empty() || !user_pages().contains(change.range)) {
        return base::Error::invalid_argument;
      }
      parties.releases += space.contents(change.range).objects;
      parties.insertions += 1;
      return space.unmap(change.range);
    case Kind::protect: parties.insertions += 2; return space.protect(change.range, change.access);
    case Kind::advise:
      switch (change.advice) {
        case Advice::remove:
        case Advice::populate_read:
        case Advice::populate_write: return base::Error::invalid_argument;
        default: break;
      }
      if (change.range.empty()) return base::Error::invalid_argument;
      parties.insertions += 2;
      return space.advise(change.range, change.advice);
    case Kind::transfer: break;
  }
  if (parties.giver == nullptr) return base::Error::invalid_argument;
  const TransferRequest& request = change.transfer;
  if (request.source.empty() || !user_pages().contains(request.source)) {
    return base::Error::invalid_argument;
  }
  const Contents moving = parties.giver_rehearsal->contents(request.source);
  if (!moving.whole) return base::Error::not_mapped;
  // The rehearsal lends nothing. Nor do loans end before the batch does.
  if (!parties.giver->loans_.empty() || !loans_.empty()) return base::Error::busy;
  parties.insertions += unsigned(moving.mappings) + 2;
  parties.transfers += 1;
  if (request.placement.kind == Placement::Kind::fixed) {
    BASE_TRY_ASSIGN(const base::VpnRange there,
                    space.place(request.placement, request.source.count()));
    parties.releases += space.contents(there).objects;
  }
  BASE_TRY_ASSIGN(change.range, space.transfer(*parties.giver_rehearsal, request));
  return {};
}

// Prepares against what is there now. Earlier changes of the batch only take pages away or bring
// pages in tables of this space's own, so what is prepared for one stays good.
template <Machine M>
base::Status AddressSpace<M>::prepare_change(const SpaceChange& change,
                                             Parties& parties) BASE_NO_THREAD_SAFETY_ANALYSIS {
  using Kind = SpaceChange::Kind;
  const LargeLeaves large = large_leaves_.template load<base::Order::relaxed>() != 0
                                ? LargeLeaves::possible
                                : LargeLeaves::none;
  Prepare what = Prepare::edges;
  switch (change.kind) {
    case Kind::advise:
      if (change.advice != Advice::dont_need && change.advice != Advice::free) return {};
      break;
    case Kind::protect: what = Prepare::present; break;
    case Kind::transfer: {
      BASE_TRY_ASSIGN(
          const base::PageCount needed,
          prepare_arrival(*parties.giver, change.transfer.source, change.range, EdgeTables::may_go,
                          parties.giver_operation->batch, parties.operation.batch));
      parties.tables_needed += needed;
      return {};
    }
    default: break;
  }
  // The reserve is for leaves that faults add meanwhile; they are kept out.
  const base::Result<Reserve> surplus =
      table_.prepare(change.range, what, large, parties.operation.batch);
  return surplus.ok() ? base::Status() : base::Status(surplus.error());
}

// Mappings and pages of `range` go.
template <Machine M>
void AddressSpace<M>::clear_range(base::VpnRange range, Operation& operation) {
  take_mappings(operation, range);
  publish_mappings();
  operation.lost(range);
  Reserve none_needed;
  table_.remove(range, none_needed, operation.batch);
}

template <Machine M>
void AddressSpace<M>::commit_change(const SpaceChange& change,
                                    Parties& parties) BASE_NO_THREAD_SAFETY_ANALYSIS {
  using Kind = SpaceChange::Kind;
  Operation& operation = parties.operation;
  Reserve none_needed;
  switch (change.kind) {
    case Kind::map:
      if (!map_.is_free(change.range)) clear_range(change.range, operation);
      if (change.map.object != nullptr) change.map.object->retain();
      insert_mapping(prototype_of(change.map).moved(base::Vpn(0), change.range));
      publish_mappings();
      return;
    case Kind::unmap:
      clear_range(change.range, operation);
      trim_around(change.range, operation.batch);
      return;
    case Kind::protect:
      set_access(change.range, change.access, ClosedTables::none, none_needed, operation.batch);
      return;
    case Kind::advise:
      if (is_attribute(change.advice)) {
        change_mappings(change.range,
                        [&](Mapping& mapping) { set_advice(mapping, change.advice); });
      } else if (change.advice == Advice::dont_need || change.advice == Advice::free) {
        operation.lost(change.range);
        table_.remove(change.range, none_needed, operation.batch);
      }
      return;
    case Kind::transfer: break;
  }
  move_mappings(*parties.giver, change.transfer.source, change.range, parties.tables, operation,
                *parties.giver_operation);
  operation.lost(change.range);
  parties.giver->trim_around(change.transfer.source, parties.giver_operation->batch);
}

}  // namespace vm
