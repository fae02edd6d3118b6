#include "kernel/fd/poll_wait.h"

#include "kernel/fd/poll_table.h"

namespace kernel {

namespace {

uint32_t look(std::span<PollItem> items, PollTable* table) {
  uint32_t count = 0;
  for (PollItem& item : items) {
    if (!item.file) {
      continue;
    }
    const uint32_t mask = item.wanted | poll_event::error | poll_event::hang_up;
    item.found = item.file->poll(count == 0 ? table : nullptr) & mask;
    count += item.found != 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

Outcome<uint32_t> wait_for_events(std::span<PollItem> items, Deadline deadline) {
  for (PollItem& item : items) {
    if (item.file) {
      const Outcome<> prepared = item.file->prepare_poll(item.wanted);
      if (!prepared.ok()) {
        return prepared.error() == Errno::restart ? Errno::restart_without_handler
                                                  : prepared.error();
      }
    }
  }
  // Most calls find something at once and need no place in any queue.
  if (const uint32_t count = look(items, nullptr); count != 0 || deadline.has_passed()) {
    return count;
  }
  PollTable table(WaitKind::interruptible, deadline);
  table.wait().prepare();
  if (const uint32_t count = look(items, &table); count != 0) {
    return count;
  }
  if (!table.is_complete()) {
    return Errno::no_memory;
  }
  for (;;) {
    const WaitResult result = table.wait().block();
    if (result == WaitResult::interrupted) {
      return Errno::restart_without_handler;
    }
    if (result == WaitResult::ready) {
      table.wait().prepare();
    }
    if (const uint32_t count = look(items, nullptr);
        count != 0 || result == WaitResult::timed_out) {
      return count;
    }
  }
}

}  // namespace kernel
