#include "kernel/process/thread.h"

#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "kernel/host/cpu_local.h"
#include "kernel/process/process.h"

namespace kernel {

base::Result<Owned<Thread>> Thread::create(Process& process, const cpu::TrapFrame& start) {
  BASE_TRY_ASSIGN(KernelStack stack, KernelStack::create());
  return make_owned<Thread>(process, base::move(stack), start);
}

Thread::Thread(Process& process, KernelStack stack, const cpu::TrapFrame& start)
    : process_(process), stack_(base::move(stack)), start_(start) {}

void Thread::run() {
  const cpu::InterruptGuard guard;
  CpuLocal& local = cpu_local();
  BASE_CHECK(local.thread == nullptr, "a thread is already running");
  context_ = cpu::make_context(stack_.top(), enter, this);
  local.thread = this;
  process_.space().activate();
  cpu::reset_user_state();
  cpu::set_kernel_stack(stack_.top());
  cpu_switch_context(&local.kernel_context, &context_);
  local.thread = nullptr;
  UserSpace::deactivate();
}

void Thread::enter(void* self) {
  cpu_enter_user(&static_cast<Thread*>(self)->start_);
}

void leave_thread(ExitCause cause, uint8_t value) {
  (void)cpu::mask_interrupts();
  CpuLocal& local = cpu_local();
  local.thread->process().record_exit(cause, value);
  cpu::Context abandoned;
  cpu_switch_context(&abandoned, &local.kernel_context);
  __builtin_unreachable();
}

}  // namespace kernel
