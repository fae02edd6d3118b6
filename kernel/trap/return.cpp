#include "kernel/trap/return.h"

#include "cpu/cpu.h"
#include "kernel/process/exit.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"

namespace kernel {

void return_to_user(cpu::TrapFrame&) {
  for (;;) {
    Thread& thread = current_thread();
    if (thread.has_attention(Attention::kill)) {
      cpu::unmask_interrupts();
      exit_killed_thread();
    }
    if (!should_switch()) {
      return;
    }
    yield();
  }
}

}  // namespace kernel
