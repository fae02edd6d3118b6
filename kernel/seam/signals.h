// signals.h: what the cpu layer needs to know to let a signal handler run, and to come back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernel {

// sigaltstack()'s structure.
struct SignalStack {
  uint64_t base;
  uint32_t flags;
  uint32_t padding;
  uint64_t size;
};

// A handler about to run.
struct SignalDelivery {
  uint32_t number;
  bool wants_info;
  uint64_t handler;
  uint64_t restorer;  // where it returns to
  uint64_t top;       // its frame lies below
  uint64_t mask;      // to be blocked again afterwards
  SignalStack stack;
  const void* info;  // the first bytes of siginfo; the others are zeroes
  size_t info_size;
  // The last fault of the thread: address, code, vector as the cpu layer reported them.
  uint64_t fault_address;
  uint64_t fault_code;
  uint64_t fault_vector;
};

// What an exception of a program is told as.
struct ExceptionSignal {
  uint8_t number;
  int32_t code;
  uint64_t address;
};

// A part of a frame in user memory.
struct SignalFramePart {
  uint64_t address;
  const void* bytes;
  size_t size;
};

}  // namespace kernel
