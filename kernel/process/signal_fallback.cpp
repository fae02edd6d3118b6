// signal_fallback.cpp: signals to those who cannot hear them yet. Weak: the real ones win.
#include "kernel/process/signal_send.h"

namespace kernel {

[[gnu::weak]] void send_signal_to_current(Signal) {}
[[gnu::weak]] void send_signal_to_group(uint32_t, Signal) {}
[[gnu::weak]] bool current_ignores_or_blocks(Signal) {
  return true;
}
[[gnu::weak]] bool is_group_orphaned(uint32_t) {
  return true;
}

}  // namespace kernel
