// MmuOps: the effects on a machine's MMU that libvm needs; one object per machine.
//
// Entry words live in table frames, which Host::window makes addressable; a `slot` is the address
// of one word. The CPU may read any live entry at any time and may set its accessed and dirty bits,
// so a change of a live entry that must not lose them is an exchange or a compare_exchange.
//
// Ordering: store, exchange and compare_exchange are release operations and load an acquire one,
// for CPUs and for table walkers alike once publish() has returned. publish() comes after a batch
// of new entries and before anybody relies on their being seen (aarch64: DSB ISHST, ISB).
// invalidate() orders all earlier entry writes before itself and is complete, walks in flight
// included, when it returns.
//
// Context: any; none of these blocks, allocates or takes a lock.
#pragma once

#include <stdint.h>

#include <concepts>

#include "base/address.h"
#include "base/page_range.h"
#include "base/span.h"

namespace vm {

// An address-space tag (PCID, ASID). Tag 0 is the kernel's, or the only one without tags.
class Tag {
 public:
  constexpr Tag() = default;
  explicit constexpr Tag(uint16_t raw) : raw_(raw) {}
  [[nodiscard]] constexpr uint16_t raw() const { return raw_; }
  friend constexpr bool operator==(Tag a, Tag b) = default;

 private:
  uint16_t raw_ = 0;
};

// What an invalidation forgets, for the pages of its range.
enum class Invalidate : uint8_t {
  leaf,  // translations of the pages
  walk,  // those, and every cached table entry used to translate one of the pages
};

// What activate() does with what this CPU remembers under the tag.
enum class OnActivate : uint8_t { keep, forget };

// Who executes an invalidation.
enum class InvalidateReach : uint8_t {
  this_cpu,  // others are reached by Host::shootdown; tags belong to a CPU (PCID)
  all_cpus,  // the hardware broadcasts; tags are the same everywhere (ASID)
};

// clang-format off: as in mmu_format.h
template <class O>
concept MmuOps = requires(O& mmu, uint64_t* slot, uint64_t word, Tag tag, base::VpnRange pages,
                          base::Pfn frame, OnActivate on_activate, void* data,
                          base::Bytes size) {
  { O::reach } -> std::convertible_to<InvalidateReach>;
  { mmu.load(slot) } -> std::same_as<uint64_t>;
  // Only where no accessed or dirty bit can be lost: the old word is absent or software, or the
  // table is not reachable yet.
  { mmu.store(slot, word) } -> std::same_as<void>;
  // Returns the old word.
  { mmu.exchange(slot, word) } -> std::same_as<uint64_t>;
  // (slot, expected, desired): returns what was there; it is `expected` iff desired is stored.
  { mmu.compare_exchange(slot, word, word) } -> std::same_as<uint64_t>;
  { mmu.publish() } -> std::same_as<void>;
  // Non-global translations of `pages` under `tag`, which need not be the current one (a machine
  // with Features::tagged_invalidate false may take tag 0 only); on this CPU or on all, see `reach`.
  { mmu.invalidate(tag, pages, Invalidate::leaf) } -> std::same_as<void>;
  // Everything not global under `tag`, walks included.
  { mmu.invalidate_tag(tag) } -> std::same_as<void>;
  // Everything under every tag, walks included (tag rollover).
  { mmu.invalidate_everything() } -> std::same_as<void>;
  // This CPU translates the user half through `root` from now on.
  // A full barrier between all earlier memory accesses and the first walk from `root`.
  { mmu.activate(frame, tag, on_activate) } -> std::same_as<void>;
  // This CPU translates no user page from now on, and walks no user table.
  { mmu.deactivate() } -> std::same_as<void>;
  // Makes instructions written to `data` by a CPU visible to instruction fetch everywhere.
  { mmu.sync_instructions(data, size) } -> std::same_as<void>;
};
// clang-format on

// The smallest thing that compiles; real models: arch/<isa>/mmu/mmu.h, test/sim.
struct MmuOpsExemplar {
  static constexpr InvalidateReach reach = InvalidateReach::this_cpu;
  uint64_t load(uint64_t* slot) { return __atomic_load_n(slot, __ATOMIC_ACQUIRE); }
  void store(uint64_t* slot, uint64_t word) { __atomic_store_n(slot, word, __ATOMIC_RELEASE); }
  uint64_t exchange(uint64_t* slot, uint64_t word) {
    return __atomic_exchange_n(slot, word, __ATOMIC_ACQ_REL);
  }
  uint64_t compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired) {
    __atomic_compare_exchange_n(slot, &expected, desired, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return expected;
  }
  void publish() {}
  void invalidate(Tag, base::VpnRange, Invalidate) {}
  void invalidate_tag(Tag) {}
  void invalidate_everything() {}
  void activate(base::Pfn, Tag, OnActivate) {}
  void deactivate() {}
  void sync_instructions(void*, base::Bytes) {}
};
static_assert(MmuOps<MmuOpsExemplar>);

}  // namespace vm
