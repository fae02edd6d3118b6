// Locks: the concept, the annotated guards, and the ranks that forbid deadlock.
//
// Any type with acquire() and release() annotated as a capability serves. Locks are taken only
// through a guard. Rank order is documented in docs/vm.md; a host whose Lock keeps the rank checks
// it at run time in debug builds: a lock may be acquired only when every held one ranks lower
// (equal ranks: by ascending address).
#pragma once

#include <stdint.h>

#include <concepts>

#include "base/compiler.h"

namespace base {

enum class LockRank : uint8_t {
  loan = 4,        // a borrow is made
  mappers = 6,     // an object takes pages from every space
  space = 10,      // an address space's writers, several in ascending address order
  rehearsal = 15,  // the space that a batch of changes is tried on
  mapping = 20,    // part of a mapping map
  object = 30,     // a memory object's page index
  table = 40,      // page tables, root to leaf
  frame = 50,      // frame records
  tlb = 60,        // address-space tags, shootdown requests
  allocator = 70,  // frame allocator zones
  leaf = 80,       // host-private: logs, consoles; nothing is acquired under it
};

template <class L>
concept Lockable = requires(L& lock) {
  { lock.acquire() } -> std::same_as<void>;
  { lock.release() } -> std::same_as<void>;
};

// A lock of `rank`; one that does not keep ranks is made without.
template <class L>
[[nodiscard]] constexpr L lock_of(LockRank rank) {
  if constexpr (std::constructible_from<L, LockRank>) {
    return L(rank);
  } else {
    return L();
  }
}

// Holds `lock` from construction to destruction.
template <class L>
class BASE_SCOPED_CAPABILITY Guard {
 public:
  explicit Guard(L& lock) BASE_ACQUIRE(lock) : lock_(lock) { lock_.acquire(); }
  ~Guard() BASE_RELEASE() { lock_.release(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  L& lock_;
};

}  // namespace base
