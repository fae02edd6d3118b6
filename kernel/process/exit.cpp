#include "kernel/process/exit.h"

#include "cpu/cpu.h"
#include "kernel/fd/console_device.h"
#include "kernel/host/cpu_local.h"
#include "kernel/process/futex.h"
#include "kernel/process/robust_list.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_mask.h"
#include "kernel/process/signal_stop.h"
#include "kernel/scheme/scheme_waits.h"
#include "kernel/scheme/user_object.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

void order_end(Thread& thread) {
  thread.call_attention(Attention::kill);
  alert(thread);
}

// Children of a process that ends are init's, who asks for their status at once.
void orphan_children(Process& process) BASE_REQUIRES(process_lock) {
  Process& init = init_process();
  while (Process* child = process.children.pop_front()) {
    child->set_parent(&init);
    child->exit_signal = default_exit_signal;
    init.children.push_back(*child);
    release_orphaned_group(*child, process, nullptr);
  }
  init.child_events.wake_all();
}

// Of the last thread. Returns the process if nobody will ask for it.
[[nodiscard]] Ref<Process> become_zombie(Process& process) BASE_REQUIRES(process_lock) {
  orphan_children(process);
  release_orphaned_group(process, *process.parent, &process);
  process.signals.pending.drop(SignalSet(~0ULL));
  process.state = ProcessState::zombie;
  return tell_parent_of_end(process);
}

// Before the current thread counts as gone: whoever is left may end the memory then, which no CPU
// may run.
void leave_memory() {
  const cpu::InterruptGuard masked;
  UserSpace::deactivate();
}

// With the last thread goes all that the process had.
void end_process(Process& process) {
  process.timers.stop();
  console_device().session_ended(process.id());
  process.exchange_files({}).reset();
  process.exchange_paths({}).reset();
  Ref<UserSpace> space = process.exchange_space({});
  GivenSpace given;
  {
    const base::Guard guard(process_lock);
    given = base::exchange(process.given_space, {});
  }
  leave_memory();  // it may have run again since the thread left it first
  if (space) {
    UserQueue::space_left(*space);
  }
  if (space && space->references() == 1) {
    process.keep_usage(*space);
  }
  space.reset();
  UserObject::sweep();
  release_vfork_parent(process);
}

// Removes the current thread; the last one makes its process a zombie, with `status` unless one is
// decided.
[[noreturn]] void leave(Thread& thread, WaitStatus status) {
  Process& process = thread.process();
  announce_end(thread);
  leave_memory();
  bool last = false;
  {
    const base::Guard guard(process_lock);
    last = --process.staying_threads == 0;
    if (last && !process.is_exiting) {
      process.is_exiting = true;  // nobody joins
      process.status = status;
    }
  }
  if (last) {
    end_process(process);
  }
  expect_end();
  Ref<Process> unwanted;
  {
    const base::Guard guard(process_lock);
    thread.signals.pending.drop(SignalSet(~0ULL));
    (void)remove_thread(thread);
    if (last) {
      unwanted = become_zombie(process);
    } else {
      process.thread_events.wake_all();
      check_stop_complete(process);
      // Not for each of thousands that end together.
      if (!process.is_exiting && !process.signals.pending.set().empty()) {
        update_attention(process);
      }
      refuse_hopeless_waits(process);
    }
  }
  unwanted.reset();
  end_current_thread();
}

bool is_space_shared(Process& process) {
  const base::Guard guard(process_lock);
  return process.thread_count > 1 || process.space_ref()->references() > 1;
}

}  // namespace

void announce_end(Thread& thread) {
  if (thread.process().space_or_null() == nullptr) {
    return;
  }
  release_robust_futexes(thread);
  const auto at = base::UserAddr(base::exchange(thread.clear_child_tid, 0));
  // Nobody reads it in memory that ends with the thread.
  if (at.raw() != 0 && is_space_shared(thread.process()) && write_user(at, uint32_t(0)).ok()) {
    (void)wake_futex(thread.process().space(), {at, false}, 1, futex_any_bit);
  }
}

void kill_process_locked(Process& process, WaitStatus status) {
  if (!process.is_exiting) {
    process.is_exiting = true;
    process.status = status;
  }
  for (Thread* thread = process.threads.front(); thread != nullptr;
       thread = process.threads.next(*thread)) {
    order_end(*thread);
  }
}

void exit_thread(uint8_t code) {
  leave(current_thread(), WaitStatus::exited(code));
}

void exit_process(WaitStatus status) {
  Thread& thread = current_thread();
  {
    const base::Guard guard(process_lock);
    kill_process_locked(thread.process(), status);
  }
  leave(thread, status);
}

void exit_killed_thread() {
  leave(current_thread(), WaitStatus());
}

base::Status become_only_thread() {
  Thread& self = current_thread();
  Process& process = self.process();
  {
    const base::Guard guard(process_lock);
    if (process.is_exiting || process.sole_survivor != nullptr) {
      return base::Error::interrupted;
    }
    process.sole_survivor = &self;
    for (Thread* thread = process.threads.front(); thread != nullptr;
         thread = process.threads.next(*thread)) {
      if (thread != &self) {
        order_end(*thread);
      }
    }
  }
  const WaitResult result =
      wait_until(process.thread_events, WaitKind::killable, Deadline::never(), [&process] {
        const base::Guard guard(process_lock);
        return process.thread_count == 1;
      });
  const base::Guard guard(process_lock);
  process.sole_survivor = nullptr;
  if (result != WaitResult::ready) {
    return base::Error::interrupted;
  }
  // The process goes by its number, whichever thread is left.
  self.set_id(process.id());
  return {};
}

void release_vfork_parent(Process& child) {
  const base::Guard guard(process_lock);
  if (base::exchange(child.vfork_pending, false)) {
    child.vfork_done.wake_all();
  }
}

}  // namespace kernel
