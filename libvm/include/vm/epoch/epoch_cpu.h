// EpochCpu: one CPU's part of Epochs: what its readers announce, and what it has retired.
#pragma once

#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

namespace vm {

// Embedded in an object that is freed by epoch. `reclaim` runs with no lock held, after every
// reader that could have seen the object is gone; it may free the memory that holds the node.
struct EpochNode {
  EpochNode* next = nullptr;
  void (*reclaim)(EpochNode* node) = nullptr;
};

// Written by its CPU alone; read by those who wait for readers.
class alignas(128) EpochReaders {
 public:
  static constexpr unsigned max_depth = 6;  // sections inside each other, interrupts included

 private:
  template <class H>
  friend class Epochs;

  // epoch * 2 + 1 while any section is open, else 0.
  base::Atomic<uint64_t> state_{0};
  base::Atomic<uint64_t> gates_[max_depth];
  base::Atomic<uint32_t> depth_{0};
  bool is_known_ = false;  // this CPU is among those that Epochs looks at
};

// What was retired during one epoch: objects by node, frames by their records' links.
struct EpochBag {
  static constexpr uint64_t no_frame = ~0ULL;

  uint64_t stamp = 0;
  EpochNode* nodes = nullptr;
  uint64_t frames = no_frame;

  [[nodiscard]] bool empty() const { return nodes == nullptr && frames == no_frame; }
};

class alignas(128) BASE_CAPABILITY("epoch bags") EpochBags {
 public:
  static constexpr unsigned count = 3;

  template <class Host>
  void acquire(Host& host) BASE_ACQUIRE() {
    while (busy_.exchange<base::Order::acquire>(1) != 0) {
      host.relax();
    }
  }
  [[nodiscard]] bool try_acquire() BASE_TRY_ACQUIRE(true) {
    return busy_.exchange<base::Order::acquire>(1) == 0;
  }
  void release() BASE_RELEASE() { busy_.store<base::Order::release>(0); }

  EpochBag bags[count] BASE_GUARDED_BY(this);
  // Objects in all bags; a hint for those who do not hold the lock.
  base::Atomic<uint64_t> pending{0};

 private:
  base::Atomic<uint32_t> busy_{0};
};

struct EpochCpu {
  EpochReaders readers;
  EpochBags bags;
};

}  // namespace vm
