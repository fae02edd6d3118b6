// scheme_waits.h: who waits for which scheme's daemon, so that a wait that could never end is
// refused: a daemon that calls itself, maps its own files, or waits for one that waits for it.
//
// A daemon's process is stuck when each of its threads waits for a daemon whose process is stuck,
// for room in such a one's queue, for the turn at such a one's file, or for a vfork child that is
// stuck; one thread that does anything else may yet answer, and so may one whose wait is over and
// that has not run since. A circle of stuck processes closes when a thread begins to wait, which
// that thread finds; or when one ends that could have helped, and then the threads that it leaves
// behind are refused. A thread that waits for ever for anything else (a pipe, a futex, a child)
// counts as help: such circles are not found, and everybody in them can be killed.
//
// Lock: process_lock.
#pragma once

#include <optional>

#include "kernel/process/process_table.h"
#include "kernel/scheme/user_queue.h"

namespace kernel {

class Process;

// While it lives the current thread waits for the daemon of `queue`, until `over` is true; may
// nest, the innermost counts. `over` outlives it, is called by others with process_lock held, and
// may take spin locks under which process_lock is not taken.
class [[nodiscard]] SchemeWait {
 public:
  template <typename Over>
  SchemeWait(UserQueue& queue, const Over& over)
      : SchemeWait(queue, &over,
                   [](const void* context) { return (*static_cast<const Over*>(context))(); }) {}
  ~SchemeWait();
  SchemeWait(const SchemeWait&) = delete;
  SchemeWait& operator=(const SchemeWait&) = delete;

  // Asked whenever the thread is about to sleep: it would never be woken. True from then on.
  [[nodiscard]] bool is_hopeless();

  // ---- For looking at others: process_lock
  [[nodiscard]] const UserQueue& queue() const { return queue_; }
  [[nodiscard]] bool is_over() const { return refused_ || over_(context_); }
  void refuse() BASE_REQUIRES(process_lock) { refused_ = true; }

 private:
  using Over = bool (*)(const void* context);
  SchemeWait(UserQueue& queue, const void* context, Over over);

  UserQueue& queue_;
  const void* const context_;
  const Over over_;
  SchemeWait* before_;
  bool refused_ = false;  // process_lock
};

// The same while it waits for a page of an object, if a daemon owes it.
class [[nodiscard]] ObjectSchemeWait {
 public:
  template <typename Over>
  ObjectSchemeWait(const vm::MemoryObject& object, const Over& over) : queue_(queue_of(object)) {
    if (queue_) {
      wait_.emplace(*queue_, over);
    }
  }
  [[nodiscard]] bool is_hopeless() { return wait_.has_value() && wait_->is_hopeless(); }

 private:
  [[nodiscard]] static Ref<UserQueue> queue_of(const vm::MemoryObject& object);

  Ref<UserQueue> queue_;
  std::optional<SchemeWait> wait_;
};

// `process` serves `queue` from now on.
void note_scheme_server(UserQueue& queue, Process& process);
// A thread of `process` is gone.
void refuse_hopeless_waits(Process& process) BASE_REQUIRES(process_lock);

}  // namespace kernel
