#include "kernel/process/fork.h"

#include "cpu/context.h"
#include "kernel/process/image.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/user_queue.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

bool is_valid(uint64_t flags) {
  const auto has = [flags](uint64_t flag) { return (flags & flag) != 0; };
  return (flags & ~clone_flag::known) == 0 && (flags & clone_flag::exit_signal) <= 64 &&
         !(has(clone_flag::thread) && !has(clone_flag::signal_actions)) &&
         !(has(clone_flag::signal_actions) && !has(clone_flag::vm)) &&
         !(has(clone_flag::signal_actions) && has(clone_flag::clear_handlers)) &&
         // The threads of a process share files and paths here.
         !(has(clone_flag::thread) && !(has(clone_flag::fs) && has(clone_flag::files)));
}

// What a process has, held.
struct Belongings {
  Ref<FileTable> files;
  Ref<PathContext> paths;
  Ref<UserSpace> space;
};

// The child's, by `flags`. ESRCH: the parent has ended.
Outcome<Belongings> copy_belongings(const Process& parent, uint64_t flags) {
  Belongings own;
  {
    const base::Guard guard(process_lock);
    own = {parent.files_ref(), parent.paths_ref(), parent.space_ref()};
  }
  if (!own.files || !own.paths || !own.space) {
    return Errno::no_process;
  }
  if (!(flags & clone_flag::files)) {
    BASE_TRY_ASSIGN(own.files, own.files->copy());
  }
  if (!(flags & clone_flag::fs)) {
    BASE_TRY_ASSIGN(own.paths, own.paths->copy());
  }
  if (!(flags & clone_flag::vm)) {
    BASE_TRY_ASSIGN(own.space, own.space->clone());
  }
  return own;
}

}  // namespace

Outcome<Ref<Process>> make_child(Process& parent, const CloneRequest& request) {
  BASE_TRY_ASSIGN(Ref<Process> child, make_ref<Process>(Text(parent.name())));
  BASE_TRY_ASSIGN(Belongings own, copy_belongings(parent, request.flags));
  Ref<SignalActions> actions;
  if ((request.flags & clone_flag::signal_actions) == 0) {
    BASE_TRY_ASSIGN(actions, make_ref<SignalActions>());
  }
  (void)child->exchange_files(base::move(own.files));
  (void)child->exchange_paths(base::move(own.paths));
  (void)child->exchange_space(base::move(own.space));
  child->inherit(parent);
  const base::Guard guard(process_lock);
  if (actions) {
    if (request.flags & clone_flag::clear_handlers) {
      actions->copy_ignored(*parent.signals.actions);
    } else {
      actions->copy(*parent.signals.actions);
    }
    child->signals.actions = base::move(actions);
  } else {
    child->signals.actions = parent.signals.actions;
  }
  child->exit_signal = uint32_t(request.flags & clone_flag::exit_signal);
  child->vfork_pending = (request.flags & clone_flag::vfork) != 0;
  return child;
}

void discard(Ref<Process> process) {
  if (const Ref<UserSpace> space = process->exchange_space({})) {
    UserQueue::space_left(*space);
  }
}

Outcome<Ref<Thread>> make_thread(Process& process, const cpu::TrapFrame& frame,
                                 const CloneRequest& request) {
  cpu::TrapFrame start = frame;
  start.set_syscall_result(0);
  if (request.stack != 0) {
    start.set_sp(request.stack);
  }
  BASE_TRY_ASSIGN(Ref<Thread> thread, Thread::create_user(process, start));
  if (request.flags & clone_flag::set_tls) {
    thread->set_start_tls(request.tls);
  }
  if (request.flags & clone_flag::child_set_tid) {
    thread->set_child_tid = request.child_tid;
  }
  if (request.flags & clone_flag::child_clear_tid) {
    thread->clear_child_tid = request.child_tid;
  }
  thread->inherit(current_thread());
  if ((request.flags & (clone_flag::vm | clone_flag::vfork)) == clone_flag::vm) {
    thread->signals.stack.forget();  // two threads on one would destroy each other's frames
  }
  return thread;
}

namespace {

void tell_parent_tid(const CloneRequest& request, uint32_t id) {
  if (request.flags & clone_flag::parent_set_tid) {
    (void)write_user(base::UserAddr(request.parent_tid), id);
  }
}

Outcome<uint32_t> clone_thread(Process& process, const cpu::TrapFrame& frame,
                               const CloneRequest& request) {
  BASE_TRY_ASSIGN(Ref<Thread> thread, make_thread(process, frame, request));
  uint32_t id = 0;
  {
    const base::Guard guard(process_lock);
    if (const base::Status added = add_thread(*thread, 0); !added.ok()) {
      return Errno::again;
    }
    id = thread->id();
  }
  tell_parent_tid(request, id);
  start_thread(base::move(thread));
  return id;
}

// From before `child` runs.
void note_vfork_child(Process* child) {
  const base::Guard guard(process_lock);
  current_thread().vfork_child = child;
}

// The child may have ended by then.
void wait_for_vfork(Process& child) {
  (void)wait_until(child.vfork_done, WaitKind::killable, Deadline::never(), [&child] {
    const base::Guard guard(process_lock);
    return !child.vfork_pending;
  });
  note_vfork_child(nullptr);
}

Outcome<uint32_t> clone_process(Process& process, const cpu::TrapFrame& frame,
                                const CloneRequest& request) {
  BASE_TRY_ASSIGN(Ref<Process> child, make_child(process, request));
  auto thread = make_thread(*child, frame, request);
  if (!thread) {
    discard(base::move(child));
    return thread.error();
  }
  Process* parent = &process;
  Ref<Process> grandparent;
  if (request.flags & clone_flag::parent) {
    const base::Guard guard(process_lock);
    grandparent = Ref<Process>::share(*process.parent);
    parent = grandparent.get();
  }
  const auto added = enlist(child, *thread.value(), *parent);
  if (!added) {
    thread.value().reset();
    discard(base::move(child));
    return Errno::again;
  }
  tell_parent_tid(request, added.value());
  const bool waits = (request.flags & clone_flag::vfork) != 0;
  if (waits) {
    note_vfork_child(child.get());
  }
  start_thread(base::move(thread.value()));
  if (waits) {
    wait_for_vfork(*child);
  }
  return added.value();
}

}  // namespace

Outcome<uint32_t> clone_current(const cpu::TrapFrame& frame, const CloneRequest& request) {
  if (!is_valid(request.flags)) {
    return Errno::invalid;
  }
  Process& process = current_thread().process();
  return (request.flags & clone_flag::thread) ? clone_thread(process, frame, request)
                                              : clone_process(process, frame, request);
}

}  // namespace kernel
