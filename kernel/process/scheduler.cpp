#include "kernel/process/scheduler.h"

#include "base/atomic.h"
#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "cpu/timer.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/spin_lock.h"
#include "kernel/process/process.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"

namespace kernel {

class Scheduler {
 public:
  void start(Thread& thread) {
    const base::Guard guard(lock_);
    BASE_CHECK(thread.state_ == ThreadState::fresh, "a thread is started twice");
    enqueue(thread);
  }

  void wake(Thread& thread) {
    const base::Guard guard(lock_);
    if (thread.state_ != ThreadState::waiting) {
      return;
    }
    if (thread.on_cpu_) {
      thread.state_ = ThreadState::running;  // it has announced a wait, and has not left yet
    } else {
      enqueue(thread);
    }
  }

  void prepare(Thread& thread) {
    const base::Guard guard(lock_);
    thread.state_ = ThreadState::waiting;
  }
  void cancel(Thread& thread) {
    const base::Guard guard(lock_);
    thread.state_ = ThreadState::running;
  }

  // The current thread stays `now`, unless it is waiting and was woken: then it returns at once.
  void switch_away(ThreadState now) BASE_NO_THREAD_SAFETY_ANALYSIS {
    const cpu::InterruptGuard masked;
    lock_.acquire();
    Thread& from = *cpu_local().thread;
    if (now == ThreadState::waiting && from.state_ != ThreadState::waiting) {
      lock_.release();
      return;
    }
    from.state_ = now;
    if (now == ThreadState::ready) {
      if (&from == cpu_local().idle) {
        from.state_ = ThreadState::running;  // runs when nobody else does; never in the queue
      } else {
        enqueue(from);
      }
    }
    Thread* to = ready_.pop_front();
    if (to == nullptr) {
      to = cpu_local().idle;
    } else {
      --ready_count_;
    }
    if (to != &from) {
      change(from, *to);
    } else {
      from.state_ = ThreadState::running;
      cpu_local().switch_wanted = false;
      lock_.release();
    }
  }

  // What a thread does first when it has been switched to: the lock is its own now.
  void arrive() BASE_NO_THREAD_SAFETY_ANALYSIS {
    Thread* left = base::exchange(cpu_local().left_behind, nullptr);
    left->on_cpu_ = false;
    const bool ended = left->state_ == ThreadState::ended;
    if (ended) {
      ended_.push_back(*left);
    }
    lock_.release();
    if (ended) {
      init_process().child_events.wake_all();
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

  Thread* pop_ended() {
    const base::Guard guard(lock_);
    return ended_.pop_front();
  }

  bool has_ready() {
    const base::Guard guard(lock_);
    return !ready_.empty();
  }
  uint32_t running() {
    const base::Guard guard(lock_);
    return ready_count_ + (cpu_local().thread == cpu_local().idle ? 0 : 1);
  }
  // The context to come back to of a thread that is switched to for the first time.
  void become_idle(Thread& idle) {
    CpuLocal& local = cpu_local();
    idle.state_ = ThreadState::running;
    idle.on_cpu_ = true;
    local.idle = local.thread = &idle;
    local.charged_until = cpu::monotonic_ns();
  }

 private:
  void enqueue(Thread& thread) BASE_REQUIRES(lock_) {
    thread.state_ = ThreadState::ready;
    ready_.push_back(thread);
    ++ready_count_;
    if (cpu_local().thread == cpu_local().idle) {
      cpu_local().switch_wanted = true;
    }
  }

  // Interrupts masked, the lock held; released by whoever arrives.
  void change(Thread& from, Thread& to) BASE_REQUIRES(lock_) BASE_NO_THREAD_SAFETY_ANALYSIS {
    CpuLocal& local = cpu_local();
    charge(from);
    ++(from.state_ == ThreadState::ready ? from.preempted_ : from.blocked_);
    to.state_ = ThreadState::running;
    to.on_cpu_ = true;
    ++to.switches_;
    ++local.switches;
    if (from.is_user() && from.state_ != ThreadState::ended) {
      from.save_user_registers();
    }
    local.thread = &to;
    local.left_behind = &from;
    local.switch_wanted = false;
    if (to.is_user()) {
      UserSpace* space = to.process().space_or_null();
      if (space != local.space) {
        space != nullptr ? space->activate() : UserSpace::deactivate();
      }
      to.load_user_registers();
      cpu::set_kernel_stack(to.stack_.top());
    }
    cpu_switch_context(&from.context_, &to.context_);
    arrive();
  }

  SpinLock lock_;
  base::List<Thread, &Thread::run_node_> ready_ BASE_GUARDED_BY(lock_);
  base::List<Thread, &Thread::run_node_> ended_ BASE_GUARDED_BY(lock_);
  uint32_t ready_count_ BASE_GUARDED_BY(lock_) = 0;
};

namespace {

[[clang::no_destroy]] constinit Scheduler scheduler;

[[noreturn]] void idle() {
  for (;;) {
    {
      const cpu::InterruptGuard masked;
      if (!scheduler.has_ready()) {
        cpu::wait_for_interrupt();
      }
    }
    scheduler.switch_away(ThreadState::ready);
  }
}

}  // namespace

void scheduler_arrive() {
  scheduler.arrive();
}

void start_scheduler(Ref<Thread> first) {
  static Thread* idle_thread = nullptr;
  auto made = make_ref<Thread>(kernel_process());
  BASE_CHECK(made.ok(), "no memory for the idle thread");
  idle_thread = made.value().take();
  scheduler.become_idle(*idle_thread);
  scheduler.start(*first.take());
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

void end_current_thread() {
  (void)cpu::mask_interrupts();
  scheduler.switch_away(ThreadState::ended);
  __builtin_unreachable();
}

bool reap_threads() {
  bool any = false;
  while (Thread* thread = scheduler.pop_ended()) {
    thread->release();
    any = true;
  }
  return any;
}

void scheduler_tick(bool in_user_mode) {
  CpuLocal& local = cpu_local();
  if (local.thread != nullptr) {
    scheduler.sample(*local.thread, in_user_mode);
    local.thread->process().timers.account();
    local.switch_wanted = true;
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
