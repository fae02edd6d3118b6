// CpuSet: which CPUs, as a fixed bitmap. Value type; AtomicCpuSet is its shared form.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"

// The most CPUs a machine may have; a multiple of 64.
#if !defined(VM_MAX_CPUS)
#define VM_MAX_CPUS 256
#endif

namespace vm {

inline constexpr unsigned max_cpus = VM_MAX_CPUS;
static_assert(max_cpus % 64 == 0 && max_cpus >= 64 && max_cpus <= 4096,
              "VM_MAX_CPUS: a multiple of 64 from 64 to 4096");

class CpuSet {
 public:
  static constexpr unsigned word_count = max_cpus / 64;

  constexpr CpuSet() = default;
  static constexpr CpuSet single(uint32_t cpu) {
    CpuSet set;
    set.add(cpu);
    return set;
  }

  constexpr void add(uint32_t cpu) {
    BASE_CHECK(cpu < max_cpus, "CPU number out of range");
    words_[cpu / 64] |= 1ULL << (cpu % 64);
  }
  constexpr void remove(uint32_t cpu) {
    BASE_CHECK(cpu < max_cpus, "CPU number out of range");
    words_[cpu / 64] &= ~(1ULL << (cpu % 64));
  }
  [[nodiscard]] constexpr bool contains(uint32_t cpu) const {
    return cpu < max_cpus && ((words_[cpu / 64] >> (cpu % 64)) & 1) != 0;
  }
  [[nodiscard]] constexpr bool empty() const {
    for (const uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  [[nodiscard]] constexpr unsigned count() const {
    unsigned sum = 0;
    for (const uint64_t word : words_) sum += base::count_ones(word);
    return sum;
  }
  // Calls visit(cpu) in ascending order.
  template <class Visit>
  constexpr void for_each(Visit&& visit) const {
    for (unsigned i = 0; i < word_count; ++i) {
      for (uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(uint32_t(i * 64 + base::count_trailing_zeros(rest)));
      }
    }
  }
  friend constexpr bool operator==(const CpuSet& a, const CpuSet& b) = default;

 private:
  friend class AtomicCpuSet;
  uint64_t words_[word_count] = {};
};

// Bits are set and cleared one at a time; snapshot() is not one atomic step across words.
class AtomicCpuSet {
 public:
  void add(uint32_t cpu) {
    BASE_CHECK(cpu < max_cpus, "CPU number out of range");
    words_[cpu / 64].fetch_or<base::Order::sequential>(1ULL << (cpu % 64));
  }
  void remove(uint32_t cpu) {
    BASE_CHECK(cpu < max_cpus, "CPU number out of range");
    words_[cpu / 64].fetch_and<base::Order::sequential>(~(1ULL << (cpu % 64)));
  }
  [[nodiscard]] bool contains(uint32_t cpu) const {
    return cpu < max_cpus &&
           ((words_[cpu / 64].load<base::Order::acquire>() >> (cpu % 64)) & 1) != 0;
  }
  [[nodiscard]] CpuSet snapshot() const {
    CpuSet set;
    for (unsigned i = 0; i < CpuSet::word_count; ++i) {
      set.words_[i] = words_[i].load<base::Order::sequential>();
    }
    return set;
  }

 private:
  base::Atomic<uint64_t> words_[CpuSet::word_count];
};

}  // namespace vm
