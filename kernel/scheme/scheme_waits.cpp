#include "kernel/scheme/scheme_waits.h"

#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

uint64_t last_mark BASE_GUARDED_BY(process_lock) = 0;

// Whom `thread` waits for; nullptr: nobody, or somebody who is there for it.
Process* awaited_by(const Thread& thread) BASE_REQUIRES(process_lock) {
  if (thread.vfork_child != nullptr) {
    return thread.vfork_child->vfork_pending ? thread.vfork_child : nullptr;
  }
  const SchemeWait* wait = thread.scheme_wait;
  return wait == nullptr || wait->is_over() ? nullptr : find_process_locked(wait->queue().server());
}

// Goes through all processes that the threads of `first` wait for, directly or not: one thread
// among them that waits for none, and there is hope. Each process is looked at once.
bool is_stuck(Process& first) BASE_REQUIRES(process_lock) {
  const uint64_t mark = ++last_mark;
  first.scheme_mark = mark;
  first.scheme_next = nullptr;
  Process* list = &first;
  while (list != nullptr) {
    Process& process = *base::exchange(list, list->scheme_next);
    if (process.threads.front() == nullptr) {
      return false;  // it has ended: who waits for it will hear of that
    }
    for (Thread* thread = process.threads.front(); thread != nullptr;
         thread = process.threads.next(*thread)) {
      Process* daemon = awaited_by(*thread);
      if (daemon == nullptr) {
        return false;
      }
      if (daemon->scheme_mark != mark) {
        daemon->scheme_mark = mark;
        daemon->scheme_next = base::exchange(list, daemon);
      }
    }
  }
  return true;
}

// Others cannot be part of a circle.
bool may_be_awaited(const Process& process) BASE_REQUIRES(process_lock) {
  return process.serves_schemes || process.vfork_pending;
}

}  // namespace

SchemeWait::SchemeWait(UserQueue& queue, const void* context, Over over)
    : queue_(queue), context_(context), over_(over) {
  const base::Guard guard(process_lock);
  before_ = base::exchange(current_thread().scheme_wait, this);
}

SchemeWait::~SchemeWait() {
  const base::Guard guard(process_lock);
  current_thread().scheme_wait = before_;
}

bool SchemeWait::is_hopeless() {
  Process& process = current_thread().process();
  const base::Guard guard(process_lock);
  refused_ = refused_ || (may_be_awaited(process) && is_stuck(process));
  return refused_;
}

Ref<UserQueue> ObjectSchemeWait::queue_of(const vm::MemoryObject& object) {
  return UserObject::queue_of(object);
}

void note_scheme_server(UserQueue& queue, Process& process) {
  queue.set_server(process.id());
  const base::Guard guard(process_lock);
  process.serves_schemes = true;
}

void refuse_hopeless_waits(Process& process) {
  if (!may_be_awaited(process) || process.threads.front() == nullptr || !is_stuck(process)) {
    return;
  }
  for (Thread* thread = process.threads.front(); thread != nullptr;
       thread = process.threads.next(*thread)) {
    if (thread->scheme_wait != nullptr) {
      thread->scheme_wait->refuse();
      wake(*thread);
    }
  }
}

}  // namespace kernel
