// machine_calls.cpp: calls on the machine as its owner sees it: kernel messages.
#include "base/atomic.h"
#include "kernel/log/log.h"
#include "kernel/process/wait_queue.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

base::Atomic<uint64_t> cleared_to{0};  // by dmesg -c
base::Atomic<uint64_t> read_to{0};     // by those who wait for news

enum : int32_t {
  log_close = 0,
  log_open = 1,
  log_read = 2,
  log_read_all = 3,
  log_read_and_clear = 4,
  log_clear = 5,
  log_console_off = 6,
  log_console_on = 7,
  log_console_level = 8,
  log_unread = 9,
  log_size = 10,
};

uint64_t marked(const base::Atomic<uint64_t>& mark) {
  return mark.load<base::Order::relaxed>();
}
// Marks only move forward.
void move(base::Atomic<uint64_t>& mark, uint64_t to) {
  uint64_t now = marked(mark);
  while (now < to && !mark.compare_exchange(now, to)) {
  }
}

// Bytes [from, end) of the log as far as they are kept, whole lines, the last that fit into `size`.
CallResult copy_log(base::UserAddr to, uint64_t size, uint64_t from, uint64_t end) {
  if (end > from && end - from > size) {
    // The first line that is whole.
    from = end - size;
    for (char byte = 0; from < end && byte != '\n'; ++from) {
      (void)read_log(from, {&byte, 1});
    }
  }
  uint64_t done = 0;
  char chunk[512];
  while (from < end) {
    const size_t now = read_log(from, std::span(chunk).first(base::min(end - from, sizeof(chunk))));
    if (now == 0) {
      break;
    }
    if (const base::Status copied = copy_to_user(to + base::Bytes(done), chunk, now);
        !copied.ok()) {
      return copied;
    }
    from += now;
    done += now;
  }
  return done;
}

// What is new since the last such read: as much as fits, waiting for some.
CallResult read_news(base::UserAddr to, uint64_t size) {
  constexpr uint64_t poll_ns = 50'000'000;
  for (;;) {
    const LogExtent kept = kept_log();
    const uint64_t from = base::max(kept.start, marked(read_to));
    if (from < kept.end) {
      const uint64_t end = base::min(kept.end, from + size);
      move(read_to, end);
      return copy_log(to, size, from, end);
    }
    if (sleep_until(Deadline::after_ns(poll_ns), WaitKind::interruptible) ==
        WaitResult::interrupted) {
      return Errno::interrupted;
    }
  }
}

}  // namespace

CallResult syslog(const CallArguments& arguments) {
  const int32_t size = arguments.integer(2);
  const LogExtent kept = kept_log();
  switch (arguments.integer(0)) {
    case log_close:
    case log_open: return uint64_t(0);
    case log_read:
    case log_read_all:
    case log_read_and_clear: break;
    case log_clear: move(cleared_to, kept.end); return uint64_t(0);
    case log_console_off:
    case log_console_on: return uint64_t(0);  // where messages go is the command line's
    case log_console_level:
      return size >= 1 && size <= 8 ? CallResult(uint64_t(0)) : CallResult(Errno::invalid);
    case log_unread: return kept.end - base::max(kept.start, base::min(marked(read_to), kept.end));
    case log_size: return uint64_t(log_capacity);
    default: return Errno::invalid;
  }
  if (arguments.value[1] == 0 || size < 0) {
    return Errno::invalid;
  }
  if (size == 0) {
    return uint64_t(0);
  }
  if (arguments.integer(0) == log_read) {
    return read_news(arguments.address(1), uint64_t(size));
  }
  const uint64_t from = base::max(kept.start, marked(cleared_to));
  const CallResult copied = copy_log(arguments.address(1), uint64_t(size), from, kept.end);
  if (int64_t(copied.raw()) >= 0 && arguments.integer(0) == log_read_and_clear) {
    move(cleared_to, kept.end);
  }
  return copied;
}

}  // namespace kernel::calls
