#include "kernel/process/signal_mask.h"

#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"

namespace kernel {

SignalSet deliverable_signals(Thread& thread) {
  const ThreadSignals& own = thread.signals;
  return (own.pending.set() | thread.process().signals.pending.set()) - own.blocked;
}

void update_attention(Thread& thread) {
  const Process& process = thread.process();
  const SignalSet pending = thread.signals.pending.set() | process.signals.pending.set();
  if (!deliverable_signals(thread).empty() || !(pending & thread.signals.awaited).empty() ||
      process.signals.is_stopped) {
    thread.call_attention(Attention::signal);
    alert(thread);
  } else {
    thread.clear_attention(Attention::signal);
  }
}

void update_attention(Process& process) {
  for (Thread* thread = process.threads.front(); thread != nullptr;
       thread = process.threads.next(*thread)) {
    update_attention(*thread);
  }
}

SignalSet exchange_signal_mask(SignalSet blocked) {
  const base::Guard guard(process_lock);
  Thread& thread = current_thread();
  const SignalSet before = base::exchange(thread.signals.blocked, blocked - unstoppable_signals);
  const SignalSet handed_on = thread.signals.blocked - before;
  if ((handed_on & thread.process().signals.pending.set()).empty()) {
    update_attention(thread);
  } else {
    update_attention(thread.process());
  }
  return before;
}

void begin_waiting_mask(SignalSet blocked) {
  current_thread().signals.saved_mask = exchange_signal_mask(blocked);
}

void end_waiting_mask() {
  std::optional<SignalSet>& saved = current_thread().signals.saved_mask;
  if (saved) {
    (void)exchange_signal_mask(*saved);
    saved.reset();
  }
}

}  // namespace kernel
