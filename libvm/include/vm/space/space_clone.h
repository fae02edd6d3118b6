// AddressSpace: clone. Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

// Faults are kept out from before the tables are shared until every CPU has forgotten the writable
// translations: whoever writes after that does it into a page of its own.
template <Machine M>
base::Status AddressSpace<M>::clone_into(AddressSpace& child) BASE_NO_THREAD_SAFETY_ANALYSIS {
  if (&child == this) return base::Error::invalid_argument;
  // The child is nobody else's yet, but a space all the same: ascending addresses.
  Lock& first = this < &child ? lock_ : child.lock_;
  Lock& second = this < &child ? child.lock_ : lock_;
  while (true) {
    {
      base::Guard first_guard(first);
      base::Guard second_guard(second);
      if (BASE_LIKELY(!system_.mappers().is_walking())) {
        const base::Status status = clone_locked(child);
        if (!status.ok()) return status;
        break;
      }
    }
    system_.mappers().wait_for_walk();
  }
  (void)system_.epochs().poll();
  return {};
}

template <Machine M>
base::Status AddressSpace<M>::clone_locked(AddressSpace& child) BASE_NO_THREAD_SAFETY_ANALYSIS {
  if (child.map_.size() != 0) return base::Error::invalid_argument;
  BASE_TRY(child.supply_nodes_for_append(map_.size()));
  Batch batch = table_.batch();
  system_.epochs().close(gate_);
  const base::Status shared = table_.clone_to(child.table_, batch);
  batch.settle();
  system_.epochs().open(gate_);
  BASE_TRY(shared);

  base::Status status;
  map_.for_each(user_pages(), [&](const Mapping& mapping) BASE_NO_THREAD_SAFETY_ANALYSIS {
    if (!status.ok()) return;
    if (mapping.inherit() == Inherit::none || mapping.inherit() == Inherit::wipe) {
      status = child.drop_inherited(mapping.range(), large_leaves_);
      if (!status.ok() || mapping.inherit() == Inherit::none) return;
    }
    Mapping copy = mapping;
    copy.set_locking(Locking::none);
    if (copy.object() != nullptr) {
      copy.object()->retain();
      ++child.object_mappings_;
    }
    if (copy.charged()) child.committed_ += copy.count();
    child.map_.append(copy);
  });
  if (status.ok() && child.committed_ > child.options_.limits.committed) {
    status = base::Error::out_of_memory;
  }
  child.large_leaves_.template store<base::Order::relaxed>(
      large_leaves_.template load<base::Order::relaxed>());
  child.peak_mapped_ = child.map_.pages();
  if (!status.ok()) child.empty_unused();
  return status;
}

// Removes from a child, which nobody uses yet, what it shall not inherit.
template <Machine M>
base::Status AddressSpace<M>::drop_inherited(base::VpnRange range,
                                             const base::Atomic<uint32_t>& large) {
  Batch batch = table_.batch();
  base::Result<Reserve> reserve = table_.prepare(
      range, Prepare::edges,
      large.template load<base::Order::relaxed>() != 0 ? LargeLeaves::possible : LargeLeaves::none,
      batch);
  if (reserve.ok()) table_.remove(range, reserve.value(), batch);
  batch.settle();
  return reserve.ok() ? base::Status() : base::Status(reserve.error());
}

// Undoes a clone: nobody uses the space, and its mappings are not the last to hold their objects.
template <Machine M>
void AddressSpace<M>::empty_unused() {
  Batch batch = table_.batch();
  Reserve none;
  table_.remove(user_pages(), none, batch);
  table_.trim(user_pages(), user_pages(), batch);
  batch.settle();
  while (const base::Optional<Mapping> piece = map_.take_first(user_pages())) {
    if (piece->object() != nullptr) piece->object()->release_not_last();
  }
  committed_ = locked_ = peak_mapped_ = base::PageCount(0);
  object_mappings_ = 0;
  tidy_nodes();
}

}  // namespace vm
