// AddressSpace: faults in memory that belongs to objects. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// Resident pages of the object near a fault, each with a reference.
template <Machine M>
struct AddressSpace<M>::Neighbours {
  static constexpr unsigned capacity = 32;
  struct Item {
    base::Vpn page;
    base::Pfn frame;
    base::Access most;
    base::MemoryType type;
  };
  unsigned count = 0;
  Item items[capacity];
};

// Memory of an object: the page is asked for before any table is locked. An outcome: nothing was
// done to the tables.
template <Machine M>
BASE_NOINLINE base::Optional<FaultOutcome> AddressSpace<M>::fault_object(FaultState& state,
                                                                         base::Status& status) {
  using Result = typename FaultState::Result;
  const Mapping& mapping = state.mapping;
  PageAnswer answer = PageAnswer::absent();
  const Found there = table_.lookup(state.page);
  // A private copy, or a page that only lacks rights, needs no asking.
  if (there.entry.kind != EntryKind::leaf || must_ask(state, there.entry)) {
    const PageUse use = state.write && mapping.is_shared() ? PageUse::write : PageUse::read;
    answer = mapping.object()->page(mapping.object_page_of(state.page), use);
    if (answer.kind() == PageAnswer::Kind::wait) {
      count(FaultKind::waited);
      return FaultOutcome::wait({ObjectRef::share(*mapping.object()), answer.wait()});
    }
    if (answer.kind() == PageAnswer::Kind::refused) {
      if (answer.error() == base::Error::out_of_memory) {
        state.failed = true;
        return base::nothing;
      }
      return refuse(answer.error() == base::Error::access_denied ? Refusal::access : Refusal::bus);
    }
  }
  if (answer.is_page() && is_lent(mapping) && !answer.most().has(state.wanted)) {
    machine().drop_frame(answer.frame());
    return refuse(Refusal::access);
  }
  Neighbours neighbours;
  // A write wants a page of its own, or is the first of memory that nobody has: nothing is near.
  if (answer.is_page() && !state.write && mapping.pattern() != Pattern::random) {
    find_neighbours(state, neighbours);
  }
  status = table_.with_private_table(state.page, 1, state.batch, [&](LockedTable<M>& table) {
    serve_object(state, table, answer);
    if (state.result == Result::done) map_neighbours(state, table, neighbours);
    return base::Status();
  });
  if (!status.ok() && answer.is_page()) machine().drop_frame(answer.frame());
  drop_neighbours(neighbours);
  return base::nothing;
}

// Shared with the space that lends it, which says what may be done with each page.
template <Machine M>
bool AddressSpace<M>::is_lent(const Mapping& mapping) {
  return mapping.is_shared() && mapping.object()->kind() == ObjectKind::borrowed;
}

template <Machine M>
uint8_t AddressSpace<M>::leaf_flags(const Mapping& mapping) {
  if (!mapping.is_shared()) return 0;
  return uint8_t(LeafFlag::shared) | (is_lent(mapping) ? uint8_t(LeafFlag::lent) : uint8_t(0));
}

// Whether a right that the leaf lacks is the object's to give.
template <Machine M>
bool AddressSpace<M>::must_ask(const FaultState& state, const Entry& leaf) {
  if (!state.mapping.is_shared()) return false;
  return (state.write && !leaf.access.can_write()) ||
         (is_lent(state.mapping) && !leaf.access.has(state.wanted));
}

// A page of an object. `answer` is its page with a reference, which the entry takes over or which
// is dropped here; or absent, when an entry was there before the lock was taken.
template <Machine M>
void AddressSpace<M>::serve_object(FaultState& state, LockedTable<M>& table,
                                   const PageAnswer& answer) {
  base::fence<base::Order::sequential>();
  const auto drop_answer = [&] {
    if (answer.is_page()) machine().drop_frame(answer.frame());
  };
  if (BASE_UNLIKELY(!state.reading.unchanged())) {
    drop_answer();
    state.result = FaultState::Result::again;
    return;
  }
  const Mapping& mapping = state.mapping;
  const Features& features = machine().features();
  const Entry entry = table.get(state.page);
  if (entry.kind == EntryKind::leaf) {
    if (!mapping.is_shared()) {
      drop_answer();
      if (state.write && !entry.access.can_write()) {
        copy_on_write(state, table, entry);
      } else {
        upgrade(state, table, entry);
      }
      return;
    }
    if (must_ask(state, entry)) {
      if (!answer.is_page()) {
        state.result = FaultState::Result::again;
        return;
      }
      base::Access access = mapping.access().with(base::Right::user);
      access = Format::granted(access.intersect(answer.most().with(base::Right::user)), features);
      if (entry.frame == answer.frame()) {
        drop_answer();  // the entry has a reference already
        table.change(state.page, state.batch, [&](const Entry& now) {
          Entry next = now;
          next.access = access;
          next.accessed = true;
          if (state.write) next.dirty = true;
          return next;
        });
      } else {
        Entry leaf = entry;
        leaf.frame = answer.frame();
        leaf.access = access;
        leaf.accessed = true;
        leaf.dirty = state.write;
        table.change(state.page, state.batch, [&](const Entry&) { return leaf; });
      }
      count(FaultKind::object);
      return;
    }
    drop_answer();
    upgrade(state, table, entry);
    return;
  }
  if (!answer.is_page()) {
    state.result = FaultState::Result::again;
    return;
  }
  base::Access access = mapping.access().with(base::Right::user);
  if (!mapping.is_shared() && state.write) {
    base::Result<base::Pfn> frame = machine().frames().allocate();
    if (frame.ok()) {
      copy_page(frame.value(), answer.frame());
      machine().records().of(frame.value()).set_state(FrameState::private_page);
      Entry leaf = Entry::leaf_of(frame.value(), Format::granted(access, features));
      leaf.accessed = leaf.dirty = true;
      table.install(state.page, leaf);
      count(FaultKind::copied);
    } else {
      state.failed = true;
    }
    drop_answer();
    return;
  }
  access = access.intersect(answer.most().with(base::Right::user));
  const bool keep_unwritable =
      !mapping.is_shared() || (!state.write && mapping.object()->tracks_writes());
  if (keep_unwritable) access = access.without(base::Right::write);
  Entry leaf = Entry::leaf_of(answer.frame(), Format::granted(access, features));
  leaf.memory_type = answer.memory_type();
  leaf.accessed = true;
  leaf.dirty = state.write;
  leaf.software = leaf_flags(mapping);
  table.install(state.page, leaf);
  count(FaultKind::object);
}

// Pages around the faulting one that the object has at hand, in the same table and mapping:
// aligned windows, as a sequential or a nearby access will want them next.
template <Machine M>
void AddressSpace<M>::find_neighbours(const FaultState& state, Neighbours& neighbours) {
  const Mapping& mapping = state.mapping;
  const uint64_t window =
      mapping.pattern() == Pattern::sequential ? Neighbours::capacity : Neighbours::capacity / 2;
  const base::Vpn start(base::align_down(state.page.raw(), window));
  const base::VpnRange around =
      base::VpnRange::of(start, base::PageCount(window)).intersect(mapping.range());
  for (base::Vpn page = around.first(); page < around.end(); page += base::PageCount(1)) {
    if (page == state.page) continue;
    const PageAnswer answer = mapping.object()->resident(mapping.object_page_of(page));
    if (!answer.is_page()) continue;
    neighbours.items[neighbours.count++] = {page, answer.frame(), answer.most(),
                                            answer.memory_type()};
  }
}

template <Machine M>
void AddressSpace<M>::map_neighbours(FaultState& state, LockedTable<M>& table,
                                     Neighbours& neighbours) {
  const Mapping& mapping = state.mapping;
  base::Access access = mapping.access().with(base::Right::user);
  if (!mapping.is_shared() || mapping.object()->tracks_writes()) {
    access = access.without(base::Right::write);
  }
  unsigned left = 0;
  for (unsigned i = 0; i < neighbours.count; ++i) {
    const typename Neighbours::Item& item = neighbours.items[i];
    if (!table.pages().contains(item.page) || table.level() != 1 ||
        table.get(item.page).kind != EntryKind::absent) {
      neighbours.items[left++] = item;
      continue;
    }
    Entry leaf = Entry::leaf_of(
        item.frame,
        Format::granted(access.intersect(item.most.with(base::Right::user)), machine().features()));
    leaf.memory_type = item.type;
    leaf.software = leaf_flags(mapping);
    table.install(item.page, leaf);
  }
  if (neighbours.count != left) count(FaultKind::around, neighbours.count - left);
  neighbours.count = left;
}

template <Machine M>
void AddressSpace<M>::drop_neighbours(Neighbours& neighbours) {
  for (unsigned i = 0; i < neighbours.count; ++i) machine().drop_frame(neighbours.items[i].frame);
}

}  // namespace vm
