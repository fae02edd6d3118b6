// cpu_tests.cpp: several CPUs: threads on each of them, wake-ups, shootdowns, locks and timers
// across them. Absent where only one CPU runs.
#include "base/atomic.h"
#include "cpu/cpu.h"
#include "kernel/host/cpus.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/shootdown.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"
#include "test/ktest/ktest.h"

namespace kernel::test {

namespace {

constexpr uint64_t ms = 1'000'000;

// Threads that each run `body(cpu)` on one CPU.
class Crowd {
 public:
  using Body = void (*)(Crowd& crowd, uint32_t number, void* context);

  Crowd(Body body, void* context) : body_(body), context_(context) {}

  // One on each CPU of `cpus`. False: no memory; those that were started run.
  bool start(CpuMask cpus) {
    bool all = true;
    cpus.for_each([&](uint32_t cpu) { all = all && add(cpu); });
    go_.store(1);
    return all;
  }
  // All have finished.
  bool join() {
    return wait_until(finished_, WaitKind::uninterruptible, Deadline::after_ns(300'000 * ms), [&] {
             const base::Guard guard(lock_);
             return done_.load() == count_;
           }) == WaitResult::ready;
  }
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  struct Member {
    Crowd* crowd;
    uint32_t number;
  };

  bool add(uint32_t cpu) {
    members_[count_] = {this, cpu};
    auto thread = Thread::create_kernel(kernel_process(), run, &members_[count_]);
    if (!thread) {
      return false;
    }
    set_affinity(*thread.value(), CpuMask::of(cpu));
    ++count_;
    start_thread(base::move(thread.value()));
    return true;
  }
  static void run(void* opaque) {
    const Member member = *static_cast<Member*>(opaque);
    Crowd& crowd = *member.crowd;
    while (crowd.go_.load() == 0) {
      yield();
    }
    crowd.body_(crowd, member.number, crowd.context_);
    expect_end();
    {
      // The owner may leave as soon as it knows, which it does by this lock.
      const base::Guard guard(crowd.lock_);
      crowd.done_.fetch_add(1);
      crowd.finished_.wake_all();
    }
    end_current_thread();
  }

  Body body_;
  void* context_;
  SpinLock lock_{LockRank::self_test};
  WaitQueue finished_;
  base::Atomic<uint32_t> go_{0};
  base::Atomic<uint32_t> done_{0};
  uint32_t count_ = 0;
  Member members_[max_cpus];
};

bool alone() {
  return online_cpus().count() == 1;
}

Verdict threads_run_where_they_may() {
  struct Seen {
    base::Atomic<uint64_t> cpus{0};
    base::Atomic<uint32_t> astray{0};
  } seen;
  Crowd crowd(
      [](Crowd&, uint32_t number, void* context) {
        auto& to = *static_cast<Seen*>(context);
        for (unsigned i = 0; i < 20; ++i) {
          to.astray.fetch_add(cpu::this_cpu().index == number ? 0 : 1);
          yield();
        }
        to.cpus.fetch_or(1ULL << cpu::this_cpu().index);
      },
      &seen);
  KTEST_CHECK(crowd.start(online_cpus()), "no memory");
  KTEST_CHECK(crowd.join(), "a CPU did not run its thread");
  KTEST_CHECK(seen.astray.load() == 0, "a thread ran where it may not");
  KTEST_CHECK(seen.cpus.load() == online_cpus().bits(), "a CPU ran no thread");
  return passed;
}

Verdict free_threads_spread_over_idle_cpus() {
  if (alone()) {
    return absent;
  }
  // Each stays until all have come, which takes as many CPUs as there are threads: they do not
  // yield.
  struct Meeting {
    base::Atomic<uint32_t> here{0};
    base::Atomic<uint32_t> missed{0};
    uint32_t expected;
  } meeting;
  meeting.expected = 2;
  Crowd crowd(
      [](Crowd&, uint32_t, void* context) {
        auto& at = *static_cast<Meeting*>(context);
        set_affinity(current_thread(), CpuMask::all());
        yield();
        at.here.fetch_add(1);
        const uint64_t patience = Deadline::after_ns(200'000 * ms).ns();
        while (at.here.load() < at.expected) {
          if (Deadline::at_ns(patience).has_passed()) {
            at.missed.fetch_add(1);
            break;
          }
          cpu::pause();
        }
      },
      &meeting);
  // Both start on this CPU.
  KTEST_CHECK(crowd.start(CpuMask::of(0)) && crowd.start(CpuMask::of(0)), "no memory");
  KTEST_CHECK(crowd.join(), "they did not end");
  KTEST_CHECK(meeting.missed.load() == 0, "a ready thread waited although a CPU was idle");
  return passed;
}

Verdict a_thread_moves_when_it_must() {
  if (alone()) {
    return absent;
  }
  const CpuMask before = current_thread().affinity();
  const uint32_t there = online_cpus().without(0).first();
  set_affinity(current_thread(), CpuMask::of(there));
  yield();
  const uint32_t first = cpu::this_cpu().index;
  set_affinity(current_thread(), before);
  yield();
  KTEST_CHECK(first == there, "it did not go there");
  KTEST_CHECK(before.contains(cpu::this_cpu().index), "it did not come back");
  return passed;
}

Verdict wake_ups_cross_cpus() {
  if (alone()) {
    return absent;
  }
  struct Game {
    WaitQueue turns;
    base::Atomic<uint32_t> turn{0};
    uint32_t players;
    base::Atomic<uint32_t> lost{0};
  } game;
  static constexpr uint32_t rounds = 200;
  game.players = online_cpus().count();
  Crowd crowd(
      [](Crowd&, uint32_t number, void* context) {
        auto& at = *static_cast<Game*>(context);
        uint32_t place = 0;
        online_cpus().for_each([&](uint32_t cpu) { place += cpu < number ? 1 : 0; });
        for (uint32_t mine = place; mine < rounds; mine += at.players) {
          const WaitResult result =
              wait_until(at.turns, WaitKind::uninterruptible, Deadline::after_ns(200'000 * ms),
                         [&] { return at.turn.load() >= mine; });
          at.lost.fetch_add(result == WaitResult::ready ? 0 : 1);
          at.turn.fetch_add(1);
          at.turns.wake_all();
        }
      },
      &game);
  KTEST_CHECK(crowd.start(online_cpus()), "no memory");
  KTEST_CHECK(crowd.join(), "a wake-up was lost");
  KTEST_CHECK(game.lost.load() == 0, "a wait timed out");
  return passed;
}

// Each CPU asks all others, all at once, with interrupts masked or not, and holds a lock that the
// others want.
Verdict shootdowns_reach_every_cpu_and_do_not_deadlock() {
  if (alone()) {
    return absent;
  }
  struct Round {
    SpinLock lock{LockRank::self_test};
    uint64_t sum = 0;
    base::Atomic<uint32_t> wrong{0};
  } round;
  static constexpr uint32_t rounds = 20;
  Crowd crowd(
      [](Crowd&, uint32_t number, void* context) {
        auto& at = *static_cast<Round*>(context);
        for (uint32_t i = 0; i < rounds; ++i) {
          struct Answer {
            base::Atomic<uint64_t> cpus{0};
          } answer;
          const auto act = [](void* to) {
            static_cast<Answer*>(to)->cpus.fetch_or(1ULL << cpu::this_cpu().index);
          };
          if (i % 2 == 0) {
            run_on_cpus(CpuMask::all(), act, &answer);
          } else {
            const base::Guard guard(at.lock);
            ++at.sum;
            run_on_cpus(CpuMask::all(), act, &answer);
          }
          at.wrong.fetch_add(answer.cpus.load() == online_cpus().without(number).bits() ? 0 : 1);
        }
      },
      &round);
  KTEST_CHECK(crowd.start(online_cpus()), "no memory");
  KTEST_CHECK(crowd.join(), "they wait for each other");
  KTEST_CHECK(round.wrong.load() == 0, "a CPU did not act before the caller went on");
  KTEST_CHECK(round.sum == uint64_t{rounds} / 2 * crowd.count(), "a lock had two holders");
  return passed;
}

Verdict spin_locks_exclude() {
  struct Counter {
    SpinLock lock{LockRank::self_test};
    uint64_t value = 0;
  } counter;
  static constexpr uint32_t rounds = 3000;
  Crowd crowd(
      [](Crowd&, uint32_t, void* context) {
        auto& to = *static_cast<Counter*>(context);
        for (uint32_t i = 0; i < rounds; ++i) {
          const base::Guard guard(to.lock);
          const uint64_t before = to.value;
          asm volatile("" : : : "memory");
          to.value = before + 1;
        }
      },
      &counter);
  KTEST_CHECK(crowd.start(online_cpus()), "no memory");
  KTEST_CHECK(crowd.join(), "they did not end");
  KTEST_CHECK(counter.value == uint64_t{rounds} * crowd.count(), "a lock had two holders");
  return passed;
}

Verdict timers_are_cancelled_from_other_cpus() {
  if (alone()) {
    return absent;
  }
  struct Again {
    base::Atomic<uint32_t> count{0};
    Timer timer{[](void* context, Timer& self) {
                  static_cast<Again*>(context)->count.fetch_add(1);
                  self.start(Deadline::after_ns(ms / 10));
                },
                this};
  } again;
  for (unsigned i = 0; i < 5; ++i) {
    Crowd crowd(
        [](Crowd&, uint32_t, void* context) {
          static_cast<Again*>(context)->timer.start(Deadline::after_ns(0));
        },
        &again);
    KTEST_CHECK(crowd.start(CpuMask::of(online_cpus().without(0).first())), "no memory");
    KTEST_CHECK(crowd.join(), "it did not end");
    (void)sleep_until(Deadline::after_ns(ms), WaitKind::uninterruptible);
    again.timer.cancel();
    const uint32_t count = again.count.load();
    (void)sleep_until(Deadline::after_ns(ms), WaitKind::uninterruptible);
    KTEST_CHECK(again.count.load() == count, "it fired after it was cancelled");
    KTEST_CHECK(!again.timer.is_pending(), "it is pending after it was cancelled");
  }
  KTEST_CHECK(again.count.load() != 0, "it never fired");
  return passed;
}

// Their stacks are mapped, unmapped and mapped again while every CPU may remember them.
Verdict threads_come_and_go_on_every_cpu() {
  for (unsigned i = 0; i < 3; ++i) {
    Crowd crowd(
        [](Crowd&, uint32_t, void*) {
          volatile uint8_t depth[2048];
          depth[0] = 1;
          depth[sizeof(depth) - 1] = 1;
        },
        nullptr);
    KTEST_CHECK(crowd.start(online_cpus()), "no memory");
    KTEST_CHECK(crowd.join(), "they did not end");
    settle_threads();
    free_idle_stacks();
  }
  return passed;
}

constexpr Test tests[] = {
    {"threads_run_where_they_may", threads_run_where_they_may},
    {"free_threads_spread_over_idle_cpus", free_threads_spread_over_idle_cpus},
    {"a_thread_moves_when_it_must", a_thread_moves_when_it_must},
    {"wake_ups_cross_cpus", wake_ups_cross_cpus},
    {"shootdowns_reach_every_cpu_and_do_not_deadlock",
     shootdowns_reach_every_cpu_and_do_not_deadlock},
    {"spin_locks_exclude", spin_locks_exclude},
    {"timers_are_cancelled_from_other_cpus", timers_are_cancelled_from_other_cpus},
    {"threads_come_and_go_on_every_cpu", threads_come_and_go_on_every_cpu},
};

}  // namespace

constinit const std::span<const Test> cpu_tests = tests;

}  // namespace kernel::test
