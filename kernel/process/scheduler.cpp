#include "kernel/process/scheduler.h"

#include "base/atomic.h"
#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "cpu/timer.h"
#include "kernel/host/cpus.h"
#include "kernel/process/process.h"
#include "kernel/process/run_queue.h"
#include "kernel/process/thread.h"
#include "kernel/process/timer.h"
#include "kernel/process/wait_queue.h"

namespace kernel {

class Scheduler {
 public:
  void start(Thread& thread) {
    const base::Guard guard(thread.run_lock_);
    BASE_CHECK(thread.state() == ThreadState::fresh, "a thread is started twice");
    thread.cpu_.store<base::Order::relaxed>(cpu::this_cpu().index);
    enqueue(thread);
  }

  void wake(Thread& thread) {
    const base::Guard guard(thread.run_lock_);
    if (thread.state() != ThreadState::waiting) {
      return;
    }
    if (is_on_cpu(thread)) {
      set_state(thread, ThreadState::running);  // it has announced a wait, and has not left yet
    } else {
      enqueue(thread);
    }
  }

  void alert(Thread& thread) {
    wake(thread);
    const uint32_t cpu = place_of(thread);
    if (thread.state() == ThreadState::running && cpu != cpu::this_cpu().index) {
      interrupt(cpu);
    }
  }

  void prepare(Thread& thread) {
    const base::Guard guard(thread.run_lock_);
    set_state(thread, ThreadState::waiting);
  }
  void cancel(Thread& thread) {
    const base::Guard guard(thread.run_lock_);
    set_state(thread, ThreadState::running);
  }

  // The current thread stays `now`, unless it is waiting and was woken: then it returns at once.
  void switch_away(ThreadState now) BASE_NO_THREAD_SAFETY_ANALYSIS {
    const cpu::InterruptGuard masked;
    CpuLocal& local = cpu_local();
    BASE_CHECK(local.held_locks.none(), "switching threads with a spin lock held");
    Thread& from = *local.thread;
    from.run_lock_.acquire();
    local.switch_wanted = false;
    if (now == ThreadState::waiting && from.state() != ThreadState::waiting) {
      from.run_lock_.release();
      return;
    }
    Thread* to = next_thread();
    if (to == nullptr) {
      const bool may_stay = &from == local.idle || from.affinity().contains(cpu::this_cpu().index);
      if (now == ThreadState::ready && may_stay) {
        from.run_lock_.release();
        return;
      }
      to = local.idle;
    }
    // The idle thread runs when nobody else does; it is in no queue.
    set_state(from, &from == local.idle ? ThreadState::waiting : now);
    change(from, *to);
  }

  // What a thread does first when it has been switched to: whoever ran before has left its stack.
  void arrive() BASE_NO_THREAD_SAFETY_ANALYSIS {
    CpuLocal& local = cpu_local();
    Thread* left = base::exchange(local.left_behind, nullptr);
    left->on_cpu_.store<base::Order::release>(false);
    const bool ended = left->state() == ThreadState::ended;
    if (left->state() == ThreadState::ready) {
      enqueue(*left);
    }
    left->run_lock_.release();
    if (ended) {
      {
        const base::Guard guard(ended_lock_);
        ended_.push_back(*left);
      }
      init_process().child_events.wake_all();
    }
  }

  void set_affinity(Thread& thread, CpuMask cpus) {
    const base::Guard guard(thread.run_lock_);
    thread.affinity_.store<base::Order::relaxed>(cpus.bits());
    const uint32_t cpu = place_of(thread);
    if (cpus.contains(cpu)) {
      return;
    }
    // Only under run_lock_ does it enter a queue.
    if (queues_[cpu].remove(thread)) {
      enqueue(thread);
    } else if (is_on_cpu(thread)) {
      interrupt(cpu);
    }
  }

  // The time since the last charge is exact; whether it was spent in user mode is what the last
  // tick of the thread found. Interrupts masked.
  void charge(Thread& thread) {
    CpuLocal& local = cpu_local();
    const uint64_t now = cpu::monotonic_ns();
    const uint64_t spent = now - base::exchange(local.charged_until, now);
    const bool user = thread.is_user() && thread.sampled_in_user_;
    if (&thread != local.idle) {
      (user ? local.user_ns : local.system_ns) += spent;
    }
    base::Atomic<uint64_t>& account = user ? thread.user_ns_ : thread.system_ns_;
    account.store<base::Order::relaxed>(account.load<base::Order::relaxed>() + spent);
  }
  void sample(Thread& thread, bool in_user_mode) {
    thread.sampled_in_user_ = in_user_mode;
    charge(thread);
  }

  // Whether it was not expected before.
  static bool expect_end(Thread& thread) { return !base::exchange(thread.end_expected_, true); }

  Thread* pop_ended() {
    const base::Guard guard(ended_lock_);
    return ended_.pop_front();
  }

  uint32_t running() {
    uint32_t sum = 0;
    online_cpus().for_each(
        [&](uint32_t cpu) { sum += queues_[cpu].size() + (cpu_local_of(cpu).is_idle() ? 0 : 1); });
    return sum;
  }

  // The context to come back to of a thread that is switched to for the first time.
  void become_idle(Thread& idle) {
    CpuLocal& local = cpu_local();
    idle.state_.store<base::Order::relaxed>(ThreadState::running);
    idle.on_cpu_.store<base::Order::relaxed>(true);
    idle.cpu_.store<base::Order::relaxed>(cpu::this_cpu().index);
    local.idle = local.thread = &idle;
    local.charged_until = cpu::monotonic_ns();
  }

  // Sleeps until there may be something to do. On the idle thread, interrupts masked.
  void sleep() {
    const uint32_t self = cpu::this_cpu().index;
    // Whoever makes a thread ready puts it into a queue first and looks for sleepers then; this CPU
    // does the reverse. One of the two sees the other.
    sleeping_.add(self);
    base::fence<base::Order::sequential>();
    if (!anything_for(self)) {
      cpu::wait_for_interrupt();
    }
    (void)sleeping_.remove(self);
  }

 private:
  static void set_state(Thread& thread, ThreadState state) {
    thread.state_.store<base::Order::relaxed>(state);
  }

  static bool is_on_cpu(const Thread& thread) {
    return thread.on_cpu_.load<base::Order::acquire>();
  }
  static uint32_t place_of(const Thread& thread) {
    return thread.cpu_.load<base::Order::relaxed>();
  }

  // Where a thread that is ready should run. Takes the CPU off the sleepers, so that the next ready
  // thread goes elsewhere.
  uint32_t choose(const Thread& thread) {
    CpuMask allowed = thread.affinity().intersect(online_cpus());
    if (allowed.empty()) {
      allowed = online_cpus();
    }
    const uint32_t last = place_of(thread);
    if (allowed.contains(last) && sleeping_.remove(last)) {
      return last;
    }
    CpuMask idle = sleeping_.load().intersect(allowed);
    while (!idle.empty()) {
      if (sleeping_.remove(idle.first())) {
        return idle.first();
      }
      idle = idle.without(idle.first());
    }
    return allowed.contains(last) ? last : shortest(allowed);
  }

  uint32_t shortest(CpuMask cpus) {
    uint32_t best = cpus.first();
    cpus.for_each([&](uint32_t cpu) {
      if (queues_[cpu].size() < queues_[best].size()) {
        best = cpu;
      }
    });
    return best;
  }

  // run_lock_ held; the thread is off every CPU.
  void enqueue(Thread& thread) {
    const uint32_t cpu = choose(thread);
    set_state(thread, ThreadState::ready);
    thread.cpu_.store<base::Order::relaxed>(cpu);
    queues_[cpu].push(thread);
    base::fence<base::Order::sequential>();
    const uint32_t self = cpu::this_cpu().index;
    if (cpu_local_of(cpu).is_idle()) {
      interrupt(cpu);
      return;
    }
    // It was not asleep when it was chosen. Somebody who fell asleep since takes the thread.
    const CpuMask helpers = sleeping_.load().intersect(thread.affinity()).without(self);
    if (!helpers.empty() && sleeping_.remove(helpers.first())) {
      interrupt(helpers.first());
    }
  }

  void interrupt(uint32_t cpu) {
    if (cpu == cpu::this_cpu().index) {
      cpu_local().switch_wanted = true;
    } else {
      send_ipis(CpuMask::of(cpu), cpu::Ipi::reschedule);
    }
  }

  bool anything_for(uint32_t self) {
    bool any = queues_[self].size() != 0;
    online_cpus().without(self).for_each([&](uint32_t cpu) {
      any = any || (queues_[cpu].size() != 0 && queues_[cpu].has_for(self));
    });
    return any;
  }

  // Of this CPU's queue, else of the longest. Interrupts masked.
  Thread* next_thread() {
    const uint32_t self = cpu::this_cpu().index;
    if (queues_[self].size() != 0) {
      if (Thread* own = queues_[self].pop()) {
        return own;
      }
    }
    CpuMask rest = online_cpus().without(self);
    while (!rest.empty()) {
      uint32_t longest = rest.first();
      rest.for_each([&](uint32_t cpu) {
        if (queues_[cpu].size() > queues_[longest].size()) {
          longest = cpu;
        }
      });
      if (queues_[longest].size() == 0) {
        return nullptr;
      }
      if (Thread* stolen = queues_[longest].steal_for(self)) {
        return stolen;
      }
      rest = rest.without(longest);
    }
    return nullptr;
  }

  // Interrupts masked, from.run_lock_ held; released by whoever arrives.
  void change(Thread& from, Thread& to) BASE_NO_THREAD_SAFETY_ANALYSIS {
    CpuLocal& local = cpu_local();
    charge(from);
    ++(from.state() == ThreadState::ready ? from.preempted_ : from.blocked_);
    set_state(to, ThreadState::running);
    to.on_cpu_.store<base::Order::relaxed>(true);
    to.cpu_.store<base::Order::relaxed>(cpu::this_cpu().index);
    ++to.switches_;
    ++local.switches;
    if (from.is_user() && from.state() != ThreadState::ended) {
      from.save_user_registers();
    }
    local.thread = &to;
    local.left_behind = &from;
    change_memory(to);
    if (to.is_user()) {
      to.load_user_registers();
      cpu::set_kernel_stack(to.stack_.top());
    }
    if (&from == local.idle) {
      arm_next_timer(time_slice_ns);
    }
    cpu_switch_context(&from.context_, &to.context_);
    arrive();
  }

  // A CPU runs a space only while a thread of it runs there: nothing else keeps the space.
  static void change_memory(Thread& to) {
    UserSpace* space = to.is_user() ? to.process().space_or_null() : nullptr;
    if (space == cpu_local().space) {
      return;
    }
    space != nullptr ? space->activate() : UserSpace::deactivate();
  }

  RunQueue queues_[max_cpus];
  AtomicCpuMask sleeping_;
  SpinLock ended_lock_{LockRank::ended_threads};
  base::List<Thread, &Thread::run_node_> ended_ BASE_GUARDED_BY(ended_lock_);
};

namespace {

[[clang::no_destroy]] constinit Scheduler scheduler;
// Threads whose end is expected and that are not freed.
constinit base::Atomic<uint32_t> leaving{0};

[[noreturn]] void idle() {
  for (;;) {
    (void)space_system().epochs().collect();
    {
      const cpu::InterruptGuard masked;
      scheduler.sleep();
    }
    scheduler.switch_away(ThreadState::ready);
  }
}

}  // namespace

void scheduler_arrive() {
  scheduler.arrive();
}

void start_scheduler(Ref<Thread> idle_thread) {
  scheduler.become_idle(*idle_thread.take());
  arm_next_timer(time_slice_ns);
  idle();
}

Thread& current_thread() {
  return *cpu_local().thread;
}

void start_thread(Ref<Thread> thread) {
  scheduler.start(*thread.take());
}
void wake(Thread& thread) {
  scheduler.wake(thread);
}
void alert(Thread& thread) {
  scheduler.alert(thread);
}
void prepare_to_wait(Thread& thread) {
  scheduler.prepare(thread);
}
void block_current() {
  scheduler.switch_away(ThreadState::waiting);
}
void cancel_wait(Thread& thread) {
  scheduler.cancel(thread);
}
void yield() {
  scheduler.switch_away(ThreadState::ready);
}
void set_affinity(Thread& thread, CpuMask cpus) {
  scheduler.set_affinity(thread, cpus);
}

void expect_end() {
  if (scheduler.expect_end(current_thread())) {
    leaving.fetch_add<base::Order::relaxed>(1);
  }
}

void end_current_thread() {
  expect_end();
  (void)cpu::mask_interrupts();
  scheduler.switch_away(ThreadState::ended);
  __builtin_unreachable();
}

bool reap_threads() {
  bool any = false;
  while (Thread* thread = scheduler.pop_ended()) {
    thread->release();
    leaving.fetch_sub<base::Order::relaxed>(1);
    any = true;
  }
  return any;
}

void settle_threads() {
  while (reap_threads() || leaving.load<base::Order::relaxed>() != 0) {
    yield();
  }
}

void scheduler_tick(bool in_user_mode) {
  CpuLocal& local = cpu_local();
  if (local.thread == nullptr) {
    arm_next_timer(time_slice_ns);
    return;
  }
  scheduler.sample(*local.thread, in_user_mode);
  local.thread->process().timers.account();
  local.switch_wanted = true;
  // An idle CPU sleeps as long as it may, but for what waits to be freed (idle()).
  if (local.is_idle() && space_system().epochs().pending() == 0) {
    arm_next_timer();
  } else {
    arm_next_timer(time_slice_ns);
  }
}

void charge_current_thread() {
  const cpu::InterruptGuard masked;
  scheduler.charge(*cpu_local().thread);
}

bool should_switch() {
  return cpu_local().switch_wanted;
}

uint32_t running_threads() {
  return scheduler.running();
}

}  // namespace kernel
