#include "kernel/trap/return.h"

#include "cpu/cpu.h"
#include "kernel/process/execute.h"
#include "kernel/process/exit.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_deliver.h"
#include "kernel/process/thread.h"

namespace kernel {

void return_to_user(cpu::TrapFrame& frame) {
  for (;;) {
    Thread& thread = current_thread();
    if (BASE_LIKELY(!thread.has_attention())) {
      if (BASE_LIKELY(!should_switch())) {
        return;
      }
      yield();
      continue;
    }
    if (thread.has_attention(Attention::kill)) {
      cpu::unmask_interrupts();
      exit_killed_thread();
    }
    if (thread.has_attention(Attention::memory)) {
      cpu::unmask_interrupts();
      take_given_space(frame);
      (void)cpu::mask_interrupts();
    } else if (thread.has_attention(Attention::signal)) {
      cpu::unmask_interrupts();
      deliver_signals(frame);
      (void)cpu::mask_interrupts();
    }
  }
}

}  // namespace kernel
