// PollTable: gathers the queues of all files that one poll() looks at.
//
// On the waiter's stack; the caller keeps the files (and so their queues) alive meanwhile.
#pragma once

#include "kernel/fd/poll_events.h"
#include "kernel/process/wait_queue.h"

namespace kernel {

class PollTable {
 public:
  PollTable(WaitKind kind, Deadline deadline) : wait_(kind, deadline) {}

  // For File::poll().
  void add(WaitQueue& queue) { complete_ = wait_.add(queue) && complete_; }
  // False: some queue could not be added for lack of memory.
  [[nodiscard]] bool is_complete() const { return complete_; }
  [[nodiscard]] MultiWait& wait() { return wait_; }

 private:
  MultiWait wait_;
  bool complete_ = true;
};

}  // namespace kernel
