// TagAllocator: address-space tags that are the same on every CPU (ASIDs), in rounds.
//
// A space keeps its tag until the numbers run out. Then a new round begins: everything is
// forgotten everywhere, tags of spaces that some CPU runs at that moment stay theirs, all others
// are drawn anew when the space next runs. A tag word is `round << 16 | tag`; 0 is none.
//
// Locks: own lock, rank tlb, taken only when a space has no tag of the current round.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "vm/seam/cpu_set.h"
#include "vm/seam/mmu_ops.h"

namespace vm {

template <class Host>
class TagAllocator {
 public:
  // Before first use. Tags 1 .. 2^bits - 1 are handed out; bits is 1..16 and there are more tags
  // than CPUs (checked at rollover).
  void init(unsigned bits) { tags_ = 1u << bits; }
  [[nodiscard]] bool enabled() const { return tags_ != 0; }

  // The tag to run the space with on `cpu` from now on, until the next call for that CPU or
  // leave(cpu). `word` is the space's. `forget_everything()` is called at the start of a round,
  // under the lock, and must have taken effect on all CPUs when it returns.
  template <class Forget>
  Tag enter(base::Atomic<uint64_t>& word, uint32_t cpu, Forget&& forget_everything) {
    uint64_t mine = word.template load<base::Order::acquire>();
    uint64_t running = running_[cpu].word.template load<base::Order::relaxed>();
    // A running word of 0 means that a round began since: its tags are being re-counted.
    if (running != 0 && round_of(mine) == round_.template load<base::Order::acquire>() &&
        running_[cpu].word.compare_exchange(running, mine)) {
      return tag_of(mine);
    }
    base::Guard<typename Host::Lock> guard(lock_);
    mine = word.template load<base::Order::relaxed>();
    if (mine == 0 || round_of(mine) != round_.template load<base::Order::relaxed>()) {
      mine = draw(mine, forget_everything);
      word.template store<base::Order::release>(mine);
    }
    running_[cpu].kept = 0;
    running_[cpu].word.store(mine);
    return tag_of(mine);
  }

  // The CPU runs no space any more. (A tag that it kept over a rollover stays reserved until it
  // next enters a space; that wastes a number, nothing else.)
  void leave(uint32_t cpu) { running_[cpu].word.template store<base::Order::release>(no_space); }

  // The tag in a space's word; Tag(0) when it never had one.
  [[nodiscard]] static Tag tag_of(uint64_t word) { return Tag(uint16_t(word & 0xffff)); }

  [[nodiscard]] uint64_t round() const { return round_.template load<base::Order::relaxed>(); }

 private:
  // What an idle CPU runs: not 0, so that its next enter() needs no lock; its tag is nobody's.
  static constexpr uint64_t no_space = 1ULL << 63;

  static uint64_t round_of(uint64_t word) { return word >> 16; }

  template <class Forget>
  uint64_t draw(uint64_t old, Forget&& forget_everything) BASE_REQUIRES(lock_) {
    uint64_t round = round_.template load<base::Order::relaxed>();
    if (old != 0) {
      // A tag of an earlier round stays with its space if a CPU was running it at every rollover
      // since, or if nobody else has drawn it yet.
      if (keep_running(old, round) || !is_taken(tag_of(old).raw())) {
        take(tag_of(old).raw());
        return (round << 16) | tag_of(old).raw();
      }
    }
    uint32_t tag = next_free();
    if (tag == 0) {
      round += 1;
      begin_round(round);
      forget_everything();
      tag = next_free();
      BASE_CHECK(tag != 0, "more running spaces than address-space tags");
    }
    take(uint16_t(tag));
    return (round << 16) | tag;
  }

  void begin_round(uint64_t round) BASE_REQUIRES(lock_) {
    round_.template store<base::Order::release>(round);
    for (uint64_t& taken : taken_) taken = 0;
    for (Running& running : running_) {
      const uint64_t word = running.word.exchange(0);
      // A CPU that has not asked since an earlier rollover still runs what it kept then.
      if (word != 0) running.kept = word;
      if (running.kept != 0) take(tag_of(running.kept).raw());
    }
    hint_ = 1;
  }

  // The space whose old word some CPUs kept over the rollover: its word on them becomes the new.
  bool keep_running(uint64_t old, uint64_t round) BASE_REQUIRES(lock_) {
    bool found = false;
    for (Running& running : running_) {
      if (running.kept == old) {
        running.kept = (round << 16) | tag_of(old).raw();
        found = true;
      }
    }
    return found;
  }

  bool is_taken(uint16_t tag) const BASE_REQUIRES(lock_) {
    return ((taken_[tag / 64] >> (tag % 64)) & 1) != 0;
  }
  void take(uint16_t tag) BASE_REQUIRES(lock_) { taken_[tag / 64] |= 1ULL << (tag % 64); }
  uint32_t next_free() BASE_REQUIRES(lock_) {
    for (; hint_ < tags_; ++hint_) {
      if (!is_taken(uint16_t(hint_))) return hint_;
    }
    return 0;
  }

  struct alignas(64) Running {
    base::Atomic<uint64_t> word{0};  // what the CPU runs, 0: none, or a round began since
    uint64_t kept = 0;               // what it ran when the round began
  };

  typename Host::Lock lock_ = base::lock_of<typename Host::Lock>(base::LockRank::tlb);
  uint32_t tags_ = 0;
  uint32_t hint_ BASE_GUARDED_BY(lock_) = 1;
  base::Atomic<uint64_t> round_{1};
  uint64_t taken_[1024] BASE_GUARDED_BY(lock_) = {};
  Running running_[max_cpus];
};

}  // namespace vm
