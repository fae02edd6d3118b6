#include "kernel/process/execute.h"

#include "cpu/context.h"
#include "cpu/cpu.h"
#include "kernel/process/exit.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

// exchange() gives the process its new space and returns the old one.
template <typename Exchange>
void change_memory(Process& process, Exchange&& exchange) {
  Ref<UserSpace> old;
  {
    const cpu::InterruptGuard masked;
    old = exchange();
    process.space().activate();
  }
  UserQueue::space_left(*old);
  if (old->references() == 1) {
    process.keep_usage(*old);
  }
  old.reset();
  UserObject::sweep();
  Limits limits;
  {
    const base::Guard guard(process_lock);
    limits = process.limits;
  }
  limits.apply_to(process.space());
}

}  // namespace

Outcome<> execute(Process& process, cpu::TrapFrame& frame, Text path, StringList arguments,
                  const StringList& environment) {
  if (arguments.count() == 0) {
    BASE_TRY(arguments.add(""));  // a program may rely on its name
  }
  BASE_TRY(process.unshare_files());
  BASE_TRY_ASSIGN(Ref<SignalActions> actions, make_ref<SignalActions>());
  auto image = load_image(process, path, base::move(arguments), environment);
  if (!image) {
    return image.error();
  }
  if (!become_only_thread().ok()) {
    image.value().space.reset();
    return Errno::again;
  }
  Thread& thread = current_thread();
  announce_end(thread);
  change_memory(process, [&] { return adopt_image(process, image.value()); });
  release_vfork_parent(process);
  process.files().close_marked();
  {
    const base::Guard guard(process_lock);
    process.has_executed = true;
    process.exit_signal = default_exit_signal;
    // Those of before, perhaps shared with another process, are given up without the lock.
    actions->copy_ignored(*process.signals.actions);
    actions = base::exchange(process.signals.actions, base::move(actions));
  }
  thread.forget_program();
  frame = image.value().start;
  return {};
}

void take_given_space(cpu::TrapFrame& frame) {
  Thread& thread = current_thread();
  Process& process = thread.process();
  GivenSpace given;
  {
    const base::Guard guard(process_lock);
    thread.clear_attention(Attention::memory);
    given = base::exchange(process.given_space, {});
  }
  if (!given.space || !become_only_thread().ok()) {
    return;
  }
  announce_end(thread);
  change_memory(process, [&] { return process.exchange_space(base::move(given.space)); });
  release_vfork_parent(process);
  thread.forget_memory();
  frame.forget_syscall();
  frame.set_pc(given.pc);
  frame.set_sp(given.sp);
}

}  // namespace kernel
