#include "kernel/process/signal_stack.h"

#include "cpu/signal_frame.h"
#include "kernel/process/thread.h"

namespace kernel {

Outcome<> set_alternate_stack(Thread& thread, const AlternateStack& stack, uint64_t sp) {
  AlternateStack& mine = thread.signals.stack;
  if (mine.is_used_at(sp)) {
    return Errno::not_permitted;
  }
  const uint32_t mode = stack.flags & ~AlternateStack::disarms_itself;
  if (mode != 0 && mode != AlternateStack::in_use && mode != AlternateStack::disabled) {
    return Errno::invalid;
  }
  if (mode == AlternateStack::disabled) {
    mine = {0, 0, stack.flags};
    return {};
  }
  if (stack.size < cpu::least_signal_stack) {
    return Errno::no_memory;
  }
  mine = stack;
  return {};
}

}  // namespace kernel
