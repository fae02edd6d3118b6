// poll_wait.h: waiting until one of several open files has something to tell: what poll, select and
// epoll share.
#pragma once

#include <span>

#include "kernel/fd/file.h"
#include "kernel/process/timer.h"

namespace kernel {

struct PollItem {
  Ref<File> file;       // none: never anything
  uint32_t wanted = 0;  // error and hang_up always count
  uint32_t found = 0;
};

// Fills in `found` and returns how many items have found something; 0: the deadline came. EINTR: a
// signal (restart_without_handler); ENOMEM. No lock held; the items stay where they are.
[[nodiscard]] Outcome<uint32_t> wait_for_events(std::span<PollItem> items, Deadline deadline);

}  // namespace kernel
