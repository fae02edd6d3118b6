// TlbDirectory: which CPU remembers which address space under which tag; enters and leaves spaces,
// and carries out invalidations on all CPUs that need them.
//
// Two ways, by Mmu::reach. this_cpu (x86_64): each CPU has a few slots, tags 1.., each naming a
// context and the generation it has seen; without tags one slot that every enter() empties. CPUs
// that run the space, or are about to, are reached by Host::shootdown; others notice at their next
// enter().
// all_cpus (aarch64): tags are global (TagAllocator) and the hardware broadcasts.
//
// Context: enter, leave and invalidate run with migration off; the shootdown action runs in
// interrupt context, also in the middle of the other three. Locks: TagAllocator's.
#pragma once

#include "vm/seam/machine.h"
#include "vm/tlb/tag_allocator.h"
#include "vm/tlb/tlb_context.h"
#include "vm/tlb/tlb_ranges.h"

namespace vm {

template <class M>
class TlbDirectory {
 public:
  using Mmu = typename M::Mmu;
  using Host = typename M::Host;
  static constexpr bool broadcasts = Mmu::reach == InvalidateReach::all_cpus;
  // Slots a CPU has for tagged contexts: more spread the misses, fewer keep the search short.
  static constexpr unsigned slot_count = 6;

  TlbDirectory(Host& host, Mmu& mmu, const Features& features)
      : host_(host), mmu_(mmu), slots_used_(has_slots(features) ? slot_count : 1) {
    if constexpr (broadcasts) tags_.init(features.tag_bits == 0 ? 8 : features.tag_bits);
  }
  TlbDirectory(const TlbDirectory&) = delete;
  TlbDirectory& operator=(const TlbDirectory&) = delete;

  // This CPU runs the space whose tables begin at `root` from now on.
  void enter(TlbContext& context, base::Pfn root) {
    const uint32_t cpu = host_.current_cpu();
    TlbContext* before = cpus_[cpu].current.load();
    if (before == &context) return;
    if constexpr (broadcasts) {
      context.active_.add(cpu);
      const Tag tag = tags_.enter(context.identity_, cpu, [&] { mmu_.invalidate_everything(); });
      mmu_.activate(root, tag, OnActivate::keep);
      cpus_[cpu].current.store(&context);
    } else {
      enter_slot(cpus_[cpu], context, root);
    }
    if (before != nullptr) before->active_.remove(cpu);
  }

  // This CPU runs no space from now on (the kernel's own tables only).
  void leave() {
    const uint32_t cpu = host_.current_cpu();
    TlbContext* before = cpus_[cpu].current.load();
    if (before == nullptr) return;
    mmu_.deactivate();
    cpus_[cpu].current.store(nullptr);
    if constexpr (broadcasts) tags_.leave(cpu);
    before->active_.remove(cpu);
  }

  // What the current CPU runs; nullptr: nothing.
  [[nodiscard]] TlbContext* current() { return cpus_[host_.current_cpu()].current.load(); }

  // On return no CPU uses a translation that `ranges` names, whatever it remembered. At most one
  // round of shootdowns.
  void invalidate(TlbContext& context, const TlbRanges& ranges) {
    if (ranges.empty()) return;
    if constexpr (broadcasts) {
      mmu_.publish();
      const uint64_t identity = context.identity_.load();
      if (identity != 0) carry_out(TagAllocator<Host>::tag_of(identity), ranges);
    } else {
      Request request{this, &context, &ranges, 0};
      request.generation = context.generation_.template fetch_add<base::Order::sequential>(1) + 1;
      CpuSet others = context.active_.snapshot();
      const uint32_t self = host_.current_cpu();
      others.remove(self);
      serve(&request);
      if (!others.empty()) host_.shootdown(others, &serve, &request);
    }
  }

 private:
  // A tag that is not the current one can be invalidated only with INVPCID or its like; without,
  // tags are not used.
  static bool has_slots(const Features& features) {
    return features.tag_bits != 0 && features.tagged_invalidate;
  }
  struct NoTags {};
  struct Slot {
    uint64_t identity = 0;
    uint64_t generation = 0;
  };
  struct alignas(128) Cpu {
    base::Atomic<TlbContext*> current{nullptr};
    // Of `current`. Both change after the hardware has: until then the CPU may walk the tables of
    // the context it leaves, and invalidations of that one must be served.
    base::Atomic<Slot*> running{nullptr};
    // While enter() is under way: the context that the CPU may begin to walk any moment. Its
    // invalidations must be served as well, or what they revoke is freed under the walker.
    base::Atomic<TlbContext*> coming{nullptr};
    base::Atomic<Slot*> coming_slot{nullptr};
    unsigned next = 0;
    uint64_t identities = 0;  // that this CPU has given to contexts
    Slot slots[slot_count];
  };
  struct Request {
    TlbDirectory* directory;
    TlbContext* context;
    const TlbRanges* ranges;
    uint64_t generation;
  };

  Tag tag_of(const Cpu& cpu, const Slot& slot) const {
    return Tag(slots_used_ == 1 ? 0 : uint16_t(&slot - cpu.slots + 1));
  }

  void enter_slot(Cpu& cpu, TlbContext& context, base::Pfn root) {
    const uint32_t number = host_.current_cpu();
    uint64_t identity = context.identity_.load();
    if (identity == 0) {
      uint64_t expected = 0;
      // Never 0, and no other CPU gives the same.
      identity = ++cpu.identities * max_cpus + number;
      if (!context.identity_.compare_exchange(expected, identity)) identity = expected;
    }
    Slot* slot = nullptr;
    for (unsigned i = 0; slots_used_ > 1 && i < slots_used_; ++i) {
      if (cpu.slots[i].identity == identity) slot = &cpu.slots[i];
    }
    bool fresh = slot == nullptr;
    if (slot == nullptr) {
      slot = free_slot(cpu);
      slot->identity = identity;
      slot->generation = 0;
    }
    cpu.coming_slot.store(slot);
    cpu.coming.store(&context);
    context.active_.add(number);
    // From here on every invalidation reaches this CPU; the earlier ones are counted.
    const uint64_t generation = context.generation_.load();
    fresh = fresh || slot->generation != generation;
    mmu_.activate(root, tag_of(cpu, *slot), fresh ? OnActivate::forget : OnActivate::keep);
    slot->generation = generation;
    cpu.running.store(slot);
    cpu.current.store(&context);
    cpu.coming.store(nullptr);
  }

  // The next slot in turn, never the one that the CPU runs.
  Slot* free_slot(Cpu& cpu) {
    Slot* slot = &cpu.slots[cpu.next];
    cpu.next = cpu.next + 1 == slots_used_ ? 0 : cpu.next + 1;
    return slot == cpu.running.load() && slots_used_ > 1 ? free_slot(cpu) : slot;
  }

  // On each CPU that runs the context, interrupts off or nested in the functions above.
  static void serve(void* opaque) {
    const Request& request = *static_cast<Request*>(opaque);
    TlbDirectory& self = *request.directory;
    Cpu& cpu = self.cpus_[self.host_.current_cpu()];
    if (cpu.coming.load() == request.context) {
      self.mmu_.invalidate_tag(self.tag_of(cpu, *cpu.coming_slot.load()));
    }
    Slot* slot = cpu.running.load();
    if (slot == nullptr || cpu.current.load() != request.context) return;
    const Tag tag = self.tag_of(cpu, *slot);
    if (self.slots_used_ == 1) {
      self.carry_out(tag, *request.ranges);
      return;
    }
    if (slot->generation >= request.generation) return;
    // Noted after it is done: a request that arrives in between must not be taken for served. One
    // that is served in between may be forgotten again; that costs a flush.
    if (slot->generation + 1 == request.generation) {
      self.carry_out(tag, *request.ranges);
      slot->generation = request.generation;
    } else {
      const uint64_t generation = request.context->generation_.load();
      self.mmu_.invalidate_tag(tag);
      slot->generation = generation;
    }
  }

  void carry_out(Tag tag, const TlbRanges& ranges) {
    if (ranges.is_everything()) {
      mmu_.invalidate_tag(tag);
      return;
    }
    for (unsigned i = 0; i < ranges.size(); ++i) {
      mmu_.invalidate(tag, ranges[i].pages, ranges[i].what);
    }
  }

  Host& host_;
  Mmu& mmu_;
  unsigned slots_used_;
  std::conditional_t<broadcasts, TagAllocator<Host>, NoTags> tags_;
  Cpu cpus_[max_cpus];
};

}  // namespace vm
