// Gate: keeps readers out for a while without their paying for it; see Epochs.
//
// Section(epochs, gate) announces the gate in the CPU's own line, fences, and looks whether the
// gate is closed; close() marks it closed, fences, and looks who has announced it. One of the two
// sees the other, so once close() returns nobody is inside.
#pragma once

#include <stdint.h>

#include "base/atomic.h"

namespace vm {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  [[nodiscard]] bool is_closed() const { return closed_.load<base::Order::acquire>() != 0; }

 private:
  template <class H>
  friend class Epochs;
  base::Atomic<uint32_t> closed_{0};
};

}  // namespace vm
