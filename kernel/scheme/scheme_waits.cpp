#include "kernel/scheme/scheme_waits.h"

#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

uint64_t last_mark BASE_GUARDED_BY(process_lock) = 0;

// Goes through all daemons that the threads of `first` wait for, directly or not: one thread among
// them that waits for no daemon, and there is hope. Each process is looked at once.
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
      if (thread->awaited_scheme == nullptr) {
        return false;
      }
      Process* daemon = find_process_locked(thread->awaited_scheme->server());
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

}  // namespace

SchemeWait::SchemeWait(UserQueue& queue) {
  Thread& thread = current_thread();
  const base::Guard guard(process_lock);
  before_ = base::exchange(thread.awaited_scheme, &queue);
  stuck_ = thread.process().serves_schemes && is_stuck(thread.process());
}

SchemeWait::~SchemeWait() {
  const base::Guard guard(process_lock);
  current_thread().awaited_scheme = before_;
}

ObjectSchemeWait::ObjectSchemeWait(const vm::MemoryObject& object)
    : queue_(UserObject::queue_of(object)) {
  if (queue_) {
    wait_.emplace(*queue_);
  }
}

void note_scheme_server(UserQueue& queue, Process& process) {
  queue.set_server(process.id());
  const base::Guard guard(process_lock);
  process.serves_schemes = true;
}

}  // namespace kernel
