// AddressSpace: faults. Part of address_space.h.
//
// A fault reads the mapping (no lock), asks the object for the page if there is one (the object's
// lock), makes the path private and locks one table, looks again whether the mapping still says so,
// and changes one entry. Whatever it found changed sends it back to the start. The gate keeps it
// out while the space is cloned, or while an object takes pages away.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

template <Machine M>
struct AddressSpace<M>::FaultState {
  // What the table work came to.
  enum class Result : uint8_t { done, again, split };

  FaultState(const MappingMap::Reading& found, base::Vpn faulting, base::Access access, bool writes,
             Batch& tlb)
      : reading(found),
        mapping(found.mapping()),
        page(faulting),
        wanted(access),
        write(writes),
        batch(tlb) {}

  const MappingMap::Reading& reading;
  const Mapping& mapping;
  base::Vpn page;
  base::Access wanted;
  bool write;
  Batch& batch;
  Result result = Result::done;
  base::Error error = base::Error::invalid_argument;  // of serve_*, if failed
  bool failed = false;
};

template <Machine M>
FaultOutcome AddressSpace<M>::refuse(Refusal refusal) {
  count(FaultKind::refused);
  return FaultOutcome::refused(refusal);
}

template <Machine M>
void AddressSpace<M>::copy_page(base::Pfn to, base::Pfn from) {
  __builtin_memcpy(machine().host().window(to), machine().host().window(from), base::page_size);
}

template <Machine M>
FaultOutcome AddressSpace<M>::fault(const FaultRequest& request) {
  Attempt attempt = Attempt::finished;
  FaultOutcome outcome = try_fault(request, Ownership::as_asked, attempt);
  bool relieved = false;
  while (BASE_UNLIKELY(attempt != Attempt::finished)) {
    if (attempt == Attempt::hole) {
      outcome = fault_in_hole(request, attempt);
    } else if (attempt == Attempt::starved) {
      // Its own section kept frames back that wait for readers.
      if (relieved || system_.epochs().relieve() == 0) return refuse(Refusal::out_of_memory);
      relieved = true;
      attempt = Attempt::again;
    } else {
      outcome = try_fault(request, Ownership::as_asked, attempt);
    }
  }
  return outcome;
}

template <Machine M>
FaultOutcome AddressSpace<M>::try_fault(const FaultRequest& request, Ownership ownership,
                                        Attempt& attempt) {
  using Result = typename FaultState::Result;
  const base::Vpn page = request.address.page();
  const bool write = request.access.can_write() || ownership == Ownership::own;
  attempt = Attempt::finished;
  if (BASE_UNLIKELY(!user_pages().contains(page))) return refuse(Refusal::unmapped);
  typename Epochs<Host>::Section section(system_.epochs(), gate_);
  const MappingMap::Reading reading = map_.find(page);
  if (BASE_UNLIKELY(!reading.found())) {
    attempt = Attempt::hole;
    return FaultOutcome::resolved();
  }
  const Mapping& mapping = reading.mapping();
  const base::Access wanted = request.access.without(base::Right::user);
  if (BASE_UNLIKELY(!mapping.access().has(wanted))) return refuse(Refusal::access);
  Batch batch = table_.batch();
  FaultState state(reading, page, wanted, write, batch);
  base::Status status;
  if (BASE_LIKELY(mapping.object() == nullptr)) {
    if (BASE_UNLIKELY(wants_large(mapping)) && try_large(state)) {
      return FaultOutcome::resolved();
    }
    status = table_.with_private_table(page, 1, batch, [&](LockedTable<M>& table) {
      serve_private(state, table);
      return base::Status();
    });
  } else {
    base::Optional<FaultOutcome> early = fault_object(state, status);
    if (early) return base::move(*early);
  }
  if (BASE_UNLIKELY(state.result == Result::split)) {
    status = table_.split(page, batch);
    state.result = Result::again;
  }
  batch.settle();
  if (BASE_UNLIKELY(!status.ok() || state.failed)) {
    attempt = Attempt::starved;
  } else if (BASE_UNLIKELY(state.result == Result::again)) {
    attempt = Attempt::again;
  }
  return FaultOutcome::resolved();
}

// Nothing is mapped at the page, as far as a reader can see. A writer may be replacing a mapping
// there, so the answer is made under the lock; and a stack above may grow.
template <Machine M>
FaultOutcome AddressSpace<M>::fault_in_hole(const FaultRequest& request, Attempt& attempt) {
  const base::Vpn page = request.address.page();
  attempt = Attempt::finished;
  Operation operation(*this);
  if (map_.find(page).found()) {
    attempt = Attempt::again;
    return FaultOutcome::resolved();
  }
  const base::Optional<Mapping> above = map_.at_or_after(page);
  if (!above || !above->grows_down() || page < options_.usable.first() || above->sealed()) {
    return refuse(Refusal::unmapped);
  }
  const base::PageCount growth = above->first() - page;
  const base::Optional<Mapping> below = map_.at_or_before(page);
  if (below && below->end() + options_.stack_guard > page && !below->grows_down() &&
      below->access() != base::Access::none()) {
    return refuse(Refusal::unmapped);
  }
  const base::PageCount none;
  if (above->end() - page > options_.limits.stack ||
      !check_limits(growth, above->charged() ? growth : none,
                    above->locking() != Locking::none ? growth : none, 0)
           .ok()) {
    return refuse(Refusal::unmapped);
  }
  if (above->charged()) committed_ += growth;
  if (above->locking() != Locking::none) locked_ += growth;
  map_.extend_down(above->first(), page);
  if (peak_mapped_ < map_.pages()) peak_mapped_ = map_.pages();
  attempt = Attempt::again;
  return FaultOutcome::resolved();
}

// ---- Under the lock of one table

// Zero-fill memory.
template <Machine M>
BASE_ALWAYS_INLINE void AddressSpace<M>::serve_private(FaultState& state, LockedTable<M>& table) {
  base::fence<base::Order::sequential>();  // pairs with publish_mappings()
  if (BASE_UNLIKELY(!state.reading.unchanged())) {
    state.result = FaultState::Result::again;
    return;
  }
  if (BASE_LIKELY(table.is_absent(state.page))) {
    const Features& features = machine().features();
    const base::Access access = state.mapping.access().with(base::Right::user);
    Entry leaf;
    if (state.write) {
      base::Result<base::Pfn> frame = machine().frames().allocate(vm::Contents::zero);
      if (BASE_UNLIKELY(!frame.ok())) {
        state.failed = true;
        return;
      }
      machine().records().of(frame.value()).set_state(FrameState::private_page);
      leaf = Entry::leaf_of(frame.value(), Format::granted(access, features));
      leaf.dirty = true;
      count(FaultKind::fresh);
    } else {
      leaf = Entry::leaf_of(system_.zero_frame(),
                            Format::granted(access.without(base::Right::write), features));
      count(FaultKind::zero);
    }
    leaf.accessed = true;
    table.install(state.page, leaf);
    return;
  }
  serve_present(state, table);
}

// Private memory where the table has an entry.
template <Machine M>
BASE_NOINLINE void AddressSpace<M>::serve_present(FaultState& state, LockedTable<M>& table) {
  const Entry entry = table.get(state.page);
  if (entry.kind != EntryKind::leaf) {
    // Swapped out: nobody makes such entries yet.
    state.failed = true;
  } else if (state.write && !entry.access.can_write()) {
    copy_on_write(state, table, entry);
  } else {
    upgrade(state, table, entry);
  }
}

// The entry is a leaf whose rights cover the write, or no write is asked: rights that the mapping
// gained and the table has not heard of, and the bits that some CPUs leave to us.
template <Machine M>
void AddressSpace<M>::upgrade(FaultState& state, LockedTable<M>& table, const Entry& entry) {
  base::Access access = state.mapping.access().with(base::Right::user);
  if (!entry.access.can_write()) access = access.without(base::Right::write);
  access = Format::granted(access, machine().features());
  if (has_flag(entry, LeafFlag::lent)) access = entry.access;
  if (entry.access == access && entry.accessed && (entry.dirty || !state.write)) {
    count(FaultKind::spurious);
    // Where the hardware keeps a translation that faulted, it has to go, and so have the table
    // entries on the way, which may be remembered from before they were opened.
    if constexpr (TlbDirectory<M>::broadcasts) {
      state.batch.forget(table.entry_pages(state.page), Invalidate::walk);
    }
    return;
  }
  table.change(state.page, state.batch, [&](const Entry& now) {
    Entry next = now;
    next.access = access;
    next.accessed = true;
    if (state.write) next.dirty = true;
    return next;
  });
  count(FaultKind::reused);
}

// A write to a leaf that does not allow it, in memory that is private to the space.
template <Machine M>
void AddressSpace<M>::copy_on_write(FaultState& state, LockedTable<M>& table, const Entry& entry) {
  const Features& features = machine().features();
  const base::Access access =
      Format::granted(state.mapping.access().with(base::Right::user), features);
  const base::Pfn from = entry.frame + (state.page - table.entry_pages(state.page).first());
  FrameRecord* record = machine().counted(entry.frame);
  // Ours alone; or lent to others, who see what we write.
  const bool ours =
      record != nullptr &&
      ((record->state() == FrameState::private_page && record->is_exclusive()) ||
       (record->state() == FrameState::borrowed && has_flag(entry, LeafFlag::pinned)));
  if (ours) {
    table.change(state.page, state.batch, [&](const Entry& now) {
      Entry next = now;
      next.access = access;
      next.accessed = next.dirty = true;
      return next;
    });
    count(FaultKind::reused);
    return;
  }
  if (table.level() > 1) {
    state.result = FaultState::Result::split;
    return;
  }
  const bool from_zero = from == system_.zero_frame();
  base::Result<base::Pfn> frame =
      machine().frames().allocate(from_zero ? vm::Contents::zero : vm::Contents::unknown);
  if (BASE_UNLIKELY(!frame.ok())) {
    state.failed = true;
    return;
  }
  if (!from_zero) copy_page(frame.value(), from);
  machine().records().of(frame.value()).set_state(FrameState::private_page);
  Entry leaf = Entry::leaf_of(frame.value(), access);
  leaf.accessed = leaf.dirty = true;
  table.change(state.page, state.batch, [&](const Entry&) { return leaf; });
  count(from_zero ? FaultKind::fresh : FaultKind::copied);
}

// Serves the first write to 2 MiB of zero-fill memory with one large leaf, if policy, alignment,
// mapping and memory allow. False: nothing has changed.
template <Machine M>
bool AddressSpace<M>::try_large(FaultState& state) {
  if (!state.write) return false;
  const Features& features = machine().features();
  if (!Format::leaf_allowed(2, features)) return false;
  const base::PageCount span = entry_span(2);
  const base::VpnRange block =
      base::VpnRange::of(base::Vpn(base::align_down(state.page.raw(), span.raw())), span);
  if (!state.mapping.range().contains(block)) return false;
  const Found there = table_.lookup(state.page);
  if (there.entry.kind != EntryKind::absent || there.level < 2) return false;
  large_leaves_.template store<base::Order::relaxed>(1);
  BlockRequest request;
  request.order = index_bits;
  base::Result<base::Pfn> head = machine().frames().allocate_block(request);
  if (!head.ok()) return false;
  for (uint64_t at = 0; at < span.raw(); ++at) {
    void* memory = machine().host().window(head.value() + base::PageCount(at));
    if (memory != nullptr) __builtin_memset(memory, 0, base::page_size);
  }
  machine().records().of(head.value()).set_state(FrameState::private_page);
  bool installed = false;
  const base::Status status =
      table_.with_private_table(state.page, 2, state.batch, [&](LockedTable<M>& table) {
        base::fence<base::Order::sequential>();
        if (!state.reading.unchanged() || table.level() != 2 ||
            table.get(state.page).kind != EntryKind::absent) {
          return base::Status();
        }
        Entry leaf = Entry::leaf_of(
            head.value(),
            Format::granted(state.mapping.access().with(base::Right::user), features));
        leaf.accessed = leaf.dirty = true;
        table.install(state.page, leaf);
        installed = true;
        return base::Status();
      });
  state.batch.settle();
  if (!installed || !status.ok()) {
    machine().records().of(head.value()).set_state(FrameState::owned);
    machine().frames().free(head.value());
    return false;
  }
  count(FaultKind::huge);
  return true;
}

// ---- populate

template <Machine M>
FaultOutcome AddressSpace<M>::populate(base::VpnRange range, base::Access access) {
  for (base::Vpn page = range.first(); page < range.end();) {
    {
      // What is there already costs a look.
      typename Epochs<Host>::Section section(system_.epochs(), gate_);
      const Found there = table_.lookup(page);
      if (there.entry.kind == EntryKind::leaf &&
          there.entry.access.intersect(there.limit).has(access.without(base::Right::user))) {
        page = base::min(range.end(), there.first + entry_span(there.level));
        continue;
      }
    }
    FaultOutcome outcome = fault({base::UserAddr::of(page), access.with(base::Right::user)});
    if (!outcome.is_resolved()) return outcome;
    page += base::PageCount(1);
  }
  return FaultOutcome::resolved();
}

}  // namespace vm
