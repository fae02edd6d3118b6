// scheme_waits.h: who waits for which scheme's daemon, so that a wait that could never end is
// refused instead of begun: a daemon that calls itself, maps its own files, or waits for one that
// waits for it.
//
// A daemon's process is stuck when each of its threads waits for a scheme whose daemon is stuck;
// one thread that does anything else may yet answer. Only processes that serve schemes can close
// such a circle. Lock: process_lock.
#pragma once

#include <optional>

#include "kernel/scheme/user_queue.h"

namespace kernel {

class Process;

// While it lives the current thread waits for the daemon of `queue`; may nest.
class [[nodiscard]] SchemeWait {
 public:
  explicit SchemeWait(UserQueue& queue);
  ~SchemeWait();
  SchemeWait(const SchemeWait&) = delete;
  SchemeWait& operator=(const SchemeWait&) = delete;

  // EDEADLK: the daemon could never answer; do not wait.
  [[nodiscard]] Outcome<> check() const {
    return stuck_ ? Outcome<>(Errno::would_deadlock) : Outcome<>();
  }

 private:
  const UserQueue* before_;
  bool stuck_ = false;
};

// The same while it waits for a page of `object`, if a daemon owes it.
class [[nodiscard]] ObjectSchemeWait {
 public:
  explicit ObjectSchemeWait(const vm::MemoryObject& object);
  [[nodiscard]] bool is_refused() const { return wait_.has_value() && !wait_->check().ok(); }

 private:
  Ref<UserQueue> queue_;
  std::optional<SchemeWait> wait_;
};

// `process` serves `queue` from now on.
void note_scheme_server(UserQueue& queue, Process& process);

}  // namespace kernel
