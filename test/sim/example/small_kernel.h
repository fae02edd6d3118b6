// SmallKernel: the MMU code of a kernel that is not ours, on the adversarial machine.
//
// About the least that a kernel with 4-level tables can do: map, protect and unmap single pages of
// one address space that runs on several CPUs. `Mistake` leaves one duty out; machine_test.cpp
// demands that the machine catches each. To put your own kernel's code here, give it the three
// groups of calls below: entry words, invalidation, frames.
#pragma once

#include "sim/machine.h"

namespace example {

enum class Mistake {
  none,
  no_flush,                 // unmap, protect: the invalidation is left out
  local_flush_only,         // other CPUs are not told
  free_before_acknowledge,  // the frame is freed before the other CPUs have answered
  no_walk_flush,            // a freed table is only flushed as if it were a leaf
  no_break,                 // a live entry is replaced in place
  no_publish,               // the barrier after making an entry is left out
  plain_store,    // a live entry is cleared by a store: accessed and dirty bits may be lost
  keeps_mapping,  // the frame is freed, the entry stays
  flush_first,    // invalidates, then clears the entry
};

// One address space. F is an entry format of libvm, for brevity: your own encoder does as well.
template <class F>
class SmallKernel {
 public:
  using Computer = sim::ComputerOf<F>;
  static constexpr vm::Tag tag{7};

  SmallKernel(Computer& computer, Mistake mistake)
      : computer_(computer), mmu_(computer), mistake_(mistake) {
    root_ = new_table();
  }

  [[nodiscard]] base::Pfn root() const { return root_; }
  [[nodiscard]] uint64_t* slot_of(base::Vpn page, unsigned level = 1) {
    base::Pfn table = root_;
    for (unsigned at = features().levels; at > level; --at) {
      uint64_t* slot = computer_.ram().words(table) + vm::entry_index(page, at);
      const vm::Entry entry = F::decode(mmu_.load(slot), at, features());
      if (entry.kind == vm::EntryKind::table) {
        table = entry.frame;
        continue;
      }
      const base::Pfn next = new_table();
      mmu_.store(slot, F::encode(vm::Entry::table_of(next, vm::unlimited), at, features()));
      table = next;
    }
    return computer_.ram().words(table) + vm::entry_index(page, level);
  }

  // Runs the space on the current CPU.
  void enter() {
    mmu_.publish();
    mmu_.activate(root_, tag, vm::OnActivate::forget);
    users_.add(computer_.current_cpu());
  }

  // A fresh frame behind `page`.
  base::Pfn map(base::Vpn page, base::Access access) {
    const base::Pfn frame = computer_.allocate().value();
    set(page, frame, access);
    return frame;
  }
  void set(base::Vpn page, base::Pfn frame, base::Access access, base::Access more = {},
           vm::Entry like = {}) {
    uint64_t* slot = slot_of(page);
    vm::Entry entry = vm::Entry::leaf_of(frame, F::granted(access | more, features()));
    entry.accessed = true;
    entry.global = like.global;
    const uint64_t word = F::encode(entry, 1, features());
    const uint64_t old = mmu_.load(slot);
    const bool must_break =
        F::transition(old, word, 1, features()) == vm::Transition::break_before_make;
    if (must_break && mistake_ != Mistake::no_break) {
      mmu_.exchange(slot, 0);
      flush(page, vm::Invalidate::leaf);
    }
    mmu_.exchange(slot, word);
    if (mistake_ != Mistake::no_publish) mmu_.publish();
    if (!must_break && old != 0) flush(page, vm::Invalidate::leaf);
  }

  void protect(base::Vpn page, base::Access access) {
    uint64_t* slot = slot_of(page);
    for (uint64_t old = mmu_.load(slot);;) {
      vm::Entry entry = F::decode(old, 1, features());
      entry.access = F::granted(access, features());
      const uint64_t seen = mmu_.compare_exchange(slot, old, F::encode(entry, 1, features()));
      if (seen == old) break;
      old = seen;
    }
    flush(page, vm::Invalidate::leaf);
  }

  void unmap(base::Vpn page) {
    uint64_t* slot = slot_of(page);
    const vm::Entry entry = F::decode(mmu_.load(slot), 1, features());
    if (mistake_ == Mistake::flush_first) flush(page, vm::Invalidate::leaf);
    if (mistake_ == Mistake::plain_store) {
      mmu_.store(slot, 0);
    } else if (mistake_ != Mistake::keeps_mapping) {
      mmu_.exchange(slot, 0);
    }
    if (mistake_ == Mistake::free_before_acknowledge) computer_.free(entry.frame);
    if (mistake_ != Mistake::flush_first) flush(page, vm::Invalidate::leaf);
    if (mistake_ != Mistake::free_before_acknowledge) computer_.free(entry.frame);
  }

  // Takes the (empty) level-1 table of `page` away.
  void drop_table(base::Vpn page) {
    uint64_t* slot = slot_of(page, 2);
    const base::Pfn table = F::decode(mmu_.load(slot), 2, features()).frame;
    mmu_.exchange(slot, 0);
    flush(page, mistake_ == Mistake::no_walk_flush ? vm::Invalidate::leaf : vm::Invalidate::walk);
    computer_.free(table);
  }

 private:
  [[nodiscard]] const vm::Features& features() const { return computer_.features(); }
  base::Pfn new_table() { return computer_.allocate().value(); }

  void flush(base::Vpn page, vm::Invalidate depth) {
    if (mistake_ == Mistake::no_flush) return;
    const base::VpnRange pages = base::VpnRange::single(page);
    mmu_.invalidate(tag, pages, depth);
    if (sim::Mmu<F>::reach == vm::InvalidateReach::all_cpus) return;
    if (mistake_ == Mistake::local_flush_only) return;
    struct Request {
      sim::Mmu<F>* mmu;
      base::VpnRange pages;
      vm::Invalidate depth;
    } request{&mmu_, pages, depth};
    computer_.shootdown(
        users_,
        [](void* context) {
          auto* it = static_cast<Request*>(context);
          it->mmu->invalidate(tag, it->pages, it->depth);
        },
        &request);
  }

  Computer& computer_;
  sim::Mmu<F> mmu_;
  Mistake mistake_;
  base::Pfn root_;
  vm::CpuSet users_;
};

}  // namespace example
