#include "kernel/process/process_handle.h"

#include "kernel/process/fork.h"
#include "kernel/process/image.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_deliver.h"
#include "kernel/process/signal_trampoline.h"
#include "kernel/scheme/user_queue.h"

namespace kernel {

ProcessHandle::~ProcessHandle() {
  if (unstarted_) {
    unstarted_.reset();
    discard(process_);
  }
}

Outcome<Ref<ProcessHandle>> ProcessHandle::of(Ref<Process> process) {
  return make_ref<ProcessHandle>(base::move(process), Ref<Thread>());
}

Outcome<Ref<ProcessHandle>> ProcessHandle::create() {
  const Process& maker = current_thread().process();
  BASE_TRY_ASSIGN(Ref<Process> process, make_ref<Process>(Text(maker.name())));
  BASE_TRY_ASSIGN(Ref<FileTable> files, FileTable::create());
  BASE_TRY_ASSIGN(Ref<PathContext> paths, maker.paths().copy());
  BASE_TRY_ASSIGN(Ref<SignalActions> actions, make_ref<SignalActions>());
  BASE_TRY_ASSIGN(Ref<Thread> thread,
                  Thread::create_user(*process, cpu::TrapFrame::for_user(0, 0)));
  BASE_TRY_ASSIGN(Ref<ProcessHandle> handle, make_ref<ProcessHandle>(process, base::move(thread)));
  BASE_TRY_ASSIGN(Ref<UserSpace> space, UserSpace::create());
  process->inherit(maker);
  process->set_words({});
  process->set_signal_trampoline(0);
  (void)process->exchange_executable({});
  (void)process->exchange_files(base::move(files));
  (void)process->exchange_paths(base::move(paths));
  (void)process->exchange_space(base::move(space));
  const base::Guard handle_guard(handle->lock_);
  handle->unstarted_->clear_user_registers();
  const base::Guard guard(process_lock);
  handle->unstarted_->signals.blocked = current_thread().signals.blocked;
  handle->unstarted_->call_attention(Attention::signal);
  actions->copy_ignored(*maker.signals.actions);
  process->signals.actions = base::move(actions);
  process->has_executed = true;  // it is a program of its own
  return handle;
}

bool ProcessHandle::is_new() {
  const base::Guard guard(lock_);
  return bool(unstarted_);
}

// The first thread of a process all of whose threads are parked; nullptr: it is not.
Thread* ProcessHandle::settled_thread_locked() {
  Process& process = *process_;
  return process.signals.is_stopped && process.thread_count != 0 &&
                 process.signals.parked_threads == process.thread_count
             ? process.threads.front()
             : nullptr;
}

namespace {

Outcome<> check_alive(const Process& process) BASE_REQUIRES(process_lock) {
  return process.state != ProcessState::running || process.thread_count == 0
             ? Outcome<>(Errno::no_process)
             : Outcome<>();
}

}  // namespace

Outcome<Ref<ProcessHandle>> ProcessHandle::copy() {
  const base::Guard guard(lock_);
  cpu::TrapFrame frame;
  Ref<Thread> source;
  uint64_t switches = 0;
  if (unstarted_) {
    source = unstarted_;
    frame = source->start_frame();
  } else {
    const base::Guard process_guard(process_lock);
    BASE_TRY(check_alive(*process_));
    Thread* thread = &current_thread();
    if (&thread->process() != process_.get()) {
      thread = settled_thread_locked();
    }
    if (thread == nullptr) {
      return Errno::busy;
    }
    source = Ref<Thread>::share(*thread);
    switches = thread->context_switches();
    frame = *thread->user_frame;
    if (thread != &current_thread()) {
      settle_call(*thread, frame);
    }
  }
  CloneRequest request;
  request.flags = default_exit_signal;
  BASE_TRY_ASSIGN(Ref<Process> child, make_child(*process_, request));
  // The result 0 is for the caller's own call alone.
  const bool is_own = source.get() == &current_thread();
  if (!is_own) {
    frame.forget_syscall();
  }
  auto thread = is_own ? make_thread(*child, frame, request) : Thread::create_user(*child, frame);
  auto handle = thread ? make_ref<ProcessHandle>(child, thread.value())
                       : base::Result<Ref<ProcessHandle>>(base::Error::out_of_memory);
  if (!handle) {
    if (thread) {
      thread.value().reset();
    }
    discard(base::move(child));
    return Errno::no_memory;
  }
  if (is_own) {
    return handle;
  }
  const base::Guard process_guard(process_lock);
  // It may have been continued while its memory was copied.
  if (!unstarted_ &&
      (settled_thread_locked() != source.get() || source->context_switches() != switches)) {
    return Errno::busy;
  }
  Thread& copied = *thread.value();
  copied.copy_user_registers(*source);
  copied.restart = source->restart;
  copied.inherit(*source);
  return handle;
}

Outcome<> ProcessHandle::start() {
  const base::Guard guard(lock_);
  if (!unstarted_) {
    return Errno::busy;
  }
  Process& process = *process_;
  // A copy has it.
  if (process.signal_trampoline() == 0) {
    BASE_TRY_ASSIGN(const uint64_t trampoline, map_signal_trampoline(process.space()));
    process.set_signal_trampoline(trampoline);
  }
  Limits limits;
  {
    const base::Guard process_guard(process_lock);
    limits = process.limits;
  }
  limits.apply_to(process.space());
  const auto id = enlist(process_, *unstarted_, current_thread().process());
  if (!id) {
    return Errno::again;
  }
  start_thread(base::exchange(unstarted_, {}));
  return {};
}

Outcome<ProcessHandle::Registers> ProcessHandle::registers() {
  const base::Guard guard(lock_);
  if (unstarted_) {
    return Registers{cpu::program_registers(unstarted_->start_frame()), unstarted_->saved_tls()};
  }
  const base::Guard process_guard(process_lock);
  BASE_TRY(check_alive(*process_));
  const Thread* thread = settled_thread_locked();
  if (thread == nullptr) {
    return Errno::busy;
  }
  return Registers{cpu::program_registers(*thread->user_frame), thread->saved_tls()};
}

Outcome<> ProcessHandle::set_registers(const Registers& registers) {
  const base::Guard guard(lock_);
  if (unstarted_) {
    cpu::set_program_registers(unstarted_->start_frame(), registers.program);
    unstarted_->set_start_tls(registers.thread_pointer);
    return {};
  }
  const base::Guard process_guard(process_lock);
  BASE_TRY(check_alive(*process_));
  Thread* thread = settled_thread_locked();
  if (thread == nullptr) {
    return Errno::busy;
  }
  cpu::set_program_registers(*thread->user_frame, registers.program);
  thread->set_start_tls(registers.thread_pointer);
  return {};
}

Outcome<> ProcessHandle::set_files(Ref<FileTable> files) {
  const base::Guard guard(lock_);
  if (!unstarted_) {
    return Errno::busy;
  }
  files = process_->exchange_files(base::move(files));
  return {};
}

Outcome<> ProcessHandle::set_program(const Process::Words& words, Ref<PathText> executable) {
  const base::Guard guard(lock_);
  if (!unstarted_) {
    return Errno::busy;
  }
  process_->set_words(words);
  executable = process_->exchange_executable(base::move(executable));
  return {};
}

Outcome<> ProcessHandle::check_switch_locked() {
  BASE_TRY(check_alive(*process_));
  const bool is_own = &current_thread().process() == process_.get();
  return process_->thread_count == 1 && (is_own || settled_thread_locked() != nullptr)
             ? Outcome<>()
             : Outcome<>(Errno::busy);
}

Outcome<> ProcessHandle::check_switch() {
  const base::Guard guard(lock_);
  if (unstarted_) {
    return {};
  }
  const base::Guard process_guard(process_lock);
  return check_switch_locked();
}

void ProcessHandle::switch_space(Ref<UserSpace> space, uint64_t pc, uint64_t sp) {
  const base::Guard guard(lock_);
  GivenSpace given{base::move(space), pc, sp};
  if (unstarted_) {
    unstarted_->start_frame().set_pc(pc);
    unstarted_->start_frame().set_sp(sp);
    given.space = process_->exchange_space(base::move(given.space));
    if (given.space) {
      UserQueue::space_left(*given.space);
    }
    return;
  }
  const base::Guard process_guard(process_lock);
  if (check_switch_locked().ok()) {
    given = base::exchange(process_->given_space, base::move(given));
    process_->threads.front()->call_attention(Attention::memory);
  }
}

}  // namespace kernel
