#include "kernel/process/thread.h"

#include <cstring>

#include "base/bits.h"
#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "kernel/host/cpu_local.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/syscall/user_copy.h"
#include "kernel/trap/return.h"

namespace kernel {

namespace {
constexpr uint64_t state_alignment = 64;
}

void scheduler_arrive();

base::Result<Ref<Thread>> Thread::create_user(Process& process, const cpu::TrapFrame& start) {
  BASE_TRY_ASSIGN(KernelStack stack, KernelStack::create());
  BASE_TRY_ASSIGN(void* storage, heap_allocate(cpu::user_state_size() + state_alignment));
  auto made = make_ref<Thread>(process, base::move(stack), static_cast<uint8_t*>(storage));
  if (!made) {
    heap_free(storage);
    return made.error();
  }
  Thread& thread = *made.value();
  thread.start_ = start;
  memset(thread.user_state_, 0, cpu::user_state_size());  // what is never saved must read as zero
  const cpu::InterruptGuard guard;
  Thread* maker = cpu_local().thread;
  if (maker != nullptr && maker->is_user()) {
    cpu::save_user_state(thread.user_state_);
    thread.tls_ = cpu::user_tls();
  } else {
    cpu::reset_user_state();
    cpu::save_user_state(thread.user_state_);
  }
  thread.context_ = cpu::make_context(thread.stack_.top(), enter_user, &thread);
  return base::move(made.value());
}

namespace {

struct KernelStart {
  cpu::ThreadEntry entry;
  void* argument;
};

// The description lies at the top of the new thread's stack.
void enter_kernel(void* description) {
  scheduler_arrive();
  const KernelStart start = *static_cast<const KernelStart*>(description);
  cpu::unmask_interrupts();
  start.entry(start.argument);
  __builtin_unreachable();
}

}  // namespace

base::Result<Ref<Thread>> Thread::create_kernel(Process& process, cpu::ThreadEntry entry,
                                                void* argument) {
  BASE_TRY_ASSIGN(KernelStack stack, KernelStack::create());
  BASE_TRY_ASSIGN(auto made, make_ref<Thread>(process, base::move(stack), nullptr));
  auto* start = reinterpret_cast<KernelStart*>(made->stack_.top() - sizeof(KernelStart));
  *start = {entry, argument};
  made->context_ = cpu::make_context(made->stack_.top() - sizeof(KernelStart), enter_kernel, start);
  return base::move(made);
}

Thread::Thread(Process& process)
    : signals(process.signals.queued), process_(Ref<Process>::share(process)) {}

Thread::Thread(Process& process, KernelStack stack, uint8_t* user_state)
    : signals(process.signals.queued),
      process_(Ref<Process>::share(process)),
      stack_(base::move(stack)),
      user_storage_(user_state),
      user_state_(user_state == nullptr
                      ? nullptr
                      : reinterpret_cast<uint8_t*>(base::align_up(
                            reinterpret_cast<uint64_t>(user_state), state_alignment))) {}

Thread::~Thread() {
  heap_free(user_storage_);
}

void Thread::save_user_registers() {
  cpu::save_user_state(user_state_);
  tls_ = cpu::user_tls();
}

void Thread::load_user_registers() const {
  cpu::load_user_state(user_state_);
  cpu::set_user_tls(tls_);
}

void Thread::clear_user_registers() {
  const cpu::InterruptGuard guard;
  Thread* maker = cpu_local().thread;
  maker->save_user_registers();
  cpu::reset_user_state();
  cpu::save_user_state(user_state_);
  tls_ = 0;
  maker->load_user_registers();
}

void Thread::copy_user_registers(const Thread& from) {
  memcpy(user_state_, from.user_state_, cpu::user_state_size());
  tls_ = from.tls_;
}

void Thread::inherit(const Thread& maker) {
  signals.blocked = maker.signals.blocked;
  signals.stack = maker.signals.stack;
  inherit_affinity(maker);
  call_attention(Attention::signal);  // its process may have been stopped meanwhile
}

void Thread::forget_memory() {
  clear_child_tid = 0;
  robust_list = 0;
  signals.stack.base = signals.stack.size = 0;
}

void Thread::forget_program() {
  forget_memory();
  const cpu::InterruptGuard guard;
  cpu::reset_user_state();
}

void Thread::enter_user(void* self) {
  scheduler_arrive();
  Thread& thread = *static_cast<Thread*>(self);
  if (thread.set_child_tid != 0) {
    cpu::unmask_interrupts();
    (void)write_user(base::UserAddr(thread.set_child_tid), thread.id_);
    (void)cpu::mask_interrupts();
  }
  return_to_user(thread.start_);
  cpu_enter_user(&thread.start_);
}

}  // namespace kernel
