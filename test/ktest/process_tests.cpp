// process_tests.cpp: threads of the kernel that wait, wake, sleep and end; timers; process numbers.
#include <cstring>

#include "base/atomic.h"
#include "cpu/timer.h"
#include "kernel/process/exit.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/string_list.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"
#include "test/ktest/ktest.h"

namespace kernel::test {

namespace {

constexpr uint64_t ms = 1'000'000;

// What a helper thread and the test see of each other.
struct Shared {
  WaitQueue queue;
  WaitQueue done_queue;
  base::Atomic<uint32_t> go{0};
  base::Atomic<uint32_t> done{0};
  base::Atomic<uint32_t> result{0};
  WaitKind kind = WaitKind::killable;
  Deadline deadline = Deadline::never();
};

[[noreturn]] void finish(Shared& shared) {
  expect_end();
  shared.done.fetch_add(1);
  shared.done_queue.wake_all();
  end_current_thread();
}

void wait_for_go(void* context) {
  Shared& shared = *static_cast<Shared*>(context);
  const WaitResult result = wait_until(shared.queue, shared.kind, shared.deadline,
                                       [&shared] { return shared.go.load() != 0; });
  shared.result.store(uint32_t(result) + 1);
  finish(shared);
}

// nullptr: no memory. The thread is another holder's besides.
Ref<Thread> start_helper(cpu::ThreadEntry entry, Shared& shared) {
  auto thread = Thread::create_kernel(kernel_process(), entry, &shared);
  if (!thread) {
    return {};
  }
  thread.value()->inherit_affinity(current_thread());
  Ref<Thread> handle = thread.value();
  start_thread(base::move(thread.value()));
  return handle;
}

// Until `count` helpers have finished and their stacks are freed.
bool join(Shared& shared, uint32_t count) {
  const WaitResult result =
      wait_until(shared.done_queue, WaitKind::uninterruptible, Deadline::after_ns(10'000 * ms),
                 [&] { return shared.done.load() == count; });
  yield();
  (void)reap_threads();
  return result == WaitResult::ready;
}

bool wait_ended(const Shared& shared, WaitResult how) {
  return shared.result.load() == uint32_t(how) + 1;
}

void let_others_run() {
  for (unsigned i = 0; i < 4; ++i) {
    yield();
  }
}

Verdict waiter_is_woken() {
  Shared shared;
  KTEST_CHECK(start_helper(wait_for_go, shared), "no memory");
  let_others_run();
  KTEST_CHECK(shared.done.load() == 0, "did not wait");
  shared.queue.wake_all();
  let_others_run();
  KTEST_CHECK(shared.done.load() == 0, "a wake-up without the condition ended the wait");
  shared.go.store(1);
  shared.queue.wake_all();
  KTEST_CHECK(join(shared, 1), "was not woken");
  KTEST_CHECK(wait_ended(shared, WaitResult::ready), "wrong result");
  return passed;
}

Verdict waits_time_out() {
  Shared shared;
  shared.deadline = Deadline::after_ns(3 * ms);
  const uint64_t start = cpu::monotonic_ns();
  KTEST_CHECK(start_helper(wait_for_go, shared), "no memory");
  KTEST_CHECK(join(shared, 1), "the deadline did not come");
  KTEST_CHECK(wait_ended(shared, WaitResult::timed_out), "wrong result");
  KTEST_CHECK(cpu::monotonic_ns() - start >= 3 * ms, "too early");
  return passed;
}

Verdict killable_wait_ends_when_the_thread_must() {
  Shared shared;
  const Ref<Thread> thread = start_helper(wait_for_go, shared);
  KTEST_CHECK(thread, "no memory");
  let_others_run();
  thread->call_attention(Attention::signal);
  wake(*thread);
  let_others_run();
  KTEST_CHECK(shared.done.load() == 0, "a signal ended a wait that only a kill may end");
  thread->call_attention(Attention::kill);
  wake(*thread);
  KTEST_CHECK(join(shared, 1), "a kill did not end the wait");
  KTEST_CHECK(wait_ended(shared, WaitResult::interrupted), "wrong result");
  return passed;
}

Verdict wake_one_wakes_each_waiter_once() {
  Shared shared;
  constexpr uint32_t count = 5;
  for (uint32_t i = 0; i < count; ++i) {
    KTEST_CHECK(start_helper(wait_for_go, shared), "no memory");
  }
  let_others_run();
  shared.go.store(1);
  for (uint32_t i = 0; i < count; ++i) {
    KTEST_CHECK(shared.done.load() == 0, "somebody ran who was not woken");
    shared.queue.wake_one();  // nobody has run since the last: it has to be another one
  }
  KTEST_CHECK(join(shared, count), "somebody was not woken");
  KTEST_CHECK(shared.queue.is_empty(), "a waiter stayed in the queue");
  return passed;
}

// More queues than a MultiWait has room for on the stack.
Verdict one_wait_watches_many_queues() {
  [[clang::no_destroy]] static constinit WaitQueue queues[40];
  MultiWait wait(WaitKind::uninterruptible, Deadline::after_ns(1000 * ms));
  for (WaitQueue& queue : queues) {
    KTEST_CHECK(wait.add(queue), "no memory");
  }
  for (WaitQueue& queue : queues) {
    wait.prepare();
    queue.wake_all();
    KTEST_CHECK(wait.block() == WaitResult::ready, "a wake-up before the wait was lost");
  }
  return passed;
}

struct Record {
  uint8_t order[8];
  base::Atomic<uint32_t> count{0};
};
struct NamedTimer {
  NamedTimer(Record& to, uint8_t id)
      : record(to),
        name(id),
        timer(
            [](void* self, Timer&) {
              auto& named = *static_cast<NamedTimer*>(self);
              named.record.order[named.record.count.fetch_add(1)] = named.name;
            },
            this) {}
  Record& record;
  uint8_t name;
  Timer timer;
};

Verdict timers_fire_in_order_and_not_when_cancelled() {
  Record record;
  NamedTimer first(record, 1);
  NamedTimer second(record, 2);
  NamedTimer third(record, 3);
  NamedTimer moved(record, 4);
  const uint64_t now = cpu::monotonic_ns();
  third.timer.start(Deadline::at_ns(now + 120 * ms));
  first.timer.start(Deadline::at_ns(now + 40 * ms));
  second.timer.start(Deadline::at_ns(now + 80 * ms));
  moved.timer.start(Deadline::at_ns(now + 20 * ms));
  moved.timer.start(Deadline::at_ns(now + 100 * ms));
  second.timer.cancel();
  KTEST_CHECK(!second.timer.is_pending() && third.timer.is_pending(), "wrong timer cancelled");
  (void)sleep_until(Deadline::at_ns(now + 160 * ms), WaitKind::uninterruptible);
  // A host that is busy may be late with the timer's interrupt.
  for (unsigned tries = 0; tries < 1000 && third.timer.is_pending(); ++tries) {
    (void)sleep_until(Deadline::after_ns(10 * ms), WaitKind::uninterruptible);
  }
  KTEST_CHECK(record.count.load() == 3, "not three timers fired");
  KTEST_CHECK(record.order[0] == 1 && record.order[1] == 4 && record.order[2] == 3, "wrong order");
  return passed;
}

Verdict timer_may_start_itself_again() {
  struct Again {
    base::Atomic<uint32_t> count{0};
  } again;
  Timer timer(
      [](void* context, Timer& self) {
        if (static_cast<Again*>(context)->count.fetch_add(1) < 4) {
          self.start(Deadline::after_ns(ms / 2));
        }
      },
      &again);
  timer.start(Deadline::after_ns(0));
  for (unsigned tries = 0; tries < 1000 && again.count.load() < 5; ++tries) {
    (void)sleep_until(Deadline::after_ns(10 * ms), WaitKind::uninterruptible);
  }
  KTEST_CHECK(again.count.load() == 5 && !timer.is_pending(), "wrong number of runs");
  return passed;
}

Verdict numbers_are_not_given_twice() {
  const base::Guard guard(process_lock);
  uint32_t last = 0;
  unsigned rounds = 0;
  for (unsigned i = 0; i < 2 * max_ids; ++i) {
    const auto id = take_id();
    KTEST_CHECK(id.ok() && id.value() != last, "a number came twice in a row");
    KTEST_CHECK(id.value() >= 2 && id.value() < max_ids, "a number out of range");
    KTEST_CHECK(find_process_locked(id.value()) == nullptr, "the number of a process was given");
    KTEST_CHECK(i % 64 != 0 || find_thread_locked(id.value()) == nullptr,
                "the number of a thread was given");
    rounds += id.value() < last ? 1 : 0;
    last = id.value();
  }
  KTEST_CHECK(rounds == 2 || rounds == 3, "numbers are not given in turn");
  return passed;
}

Verdict string_lists_have_limits() {
  StringList list;
  KTEST_CHECK(list.add("one") && list.add("") && list.add("three"), "no memory");
  KTEST_CHECK(list.count() == 3 && list.first() == "one" && list.at(4).empty(), "wrong strings");
  KTEST_CHECK(list.bytes().size() == 11, "wrong size");
  StringList rest;
  KTEST_CHECK(rest.add_all(list, 2) && rest.count() == 1 && rest.first() == "three", "wrong copy");
  static char longest[StringList::max_string];
  memset(longest, 'x', sizeof(longest));
  KTEST_CHECK(!list.add({longest, sizeof(longest)}), "a string was too long");
  unsigned added = 0;
  base::Status status;
  while ((status = rest.add({longest, sizeof(longest) - 1})).ok()) {
    ++added;
  }
  KTEST_CHECK(status.error() == base::Error::limit_exceeded, "wrong error");
  KTEST_CHECK(added == StringList::max_bytes / StringList::max_string - 1, "wrong limit");
  KTEST_CHECK(rest.first() == "three", "a refused string changed the list");
  return passed;
}

constexpr Test tests[] = {
    {"waiter_is_woken", waiter_is_woken},
    {"waits_time_out", waits_time_out},
    {"killable_wait_ends_when_the_thread_must", killable_wait_ends_when_the_thread_must},
    {"wake_one_wakes_each_waiter_once", wake_one_wakes_each_waiter_once},
    {"one_wait_watches_many_queues", one_wait_watches_many_queues},
    {"timers_fire_in_order_and_not_when_cancelled", timers_fire_in_order_and_not_when_cancelled},
    {"timer_may_start_itself_again", timer_may_start_itself_again},
    {"numbers_are_not_given_twice", numbers_are_not_given_twice},
    {"string_lists_have_limits", string_lists_have_limits},
};

}  // namespace

constinit const std::span<const Test> process_tests = tests;

}  // namespace kernel::test
