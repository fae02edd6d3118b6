// thread.h: one flow of control in a process: a kernel stack and where it stands.
#pragma once

#include "cpu/context.h"
#include "cpu/trap_frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_map.h"

namespace kernel {

class Process;

class Thread {
 public:
  // A thread that will enter user mode with the registers of `start`.
  [[nodiscard]] static base::Result<Owned<Thread>> create(Process& process,
                                                          const cpu::TrapFrame& start);
  Thread(Process& process, KernelStack stack, const cpu::TrapFrame& start);

  [[nodiscard]] Process& process() const { return process_; }

  // Runs the thread on this CPU until it leaves. Interrupts are masked on return as before.
  void run();

 private:
  static void enter(void* self);

  Process& process_;
  KernelStack stack_;
  cpu::TrapFrame start_;
  cpu::Context context_{};
};

enum class ExitCause : uint8_t { exited, signal };

// Ends the current thread and with it its process; `value` is the exit status or the signal.
[[noreturn]] void leave_thread(ExitCause cause, uint8_t value);

}  // namespace kernel
