#include "kernel/process/wait_queue.h"

#include "kernel/host/cpu_local.h"
#include "kernel/memory/heap.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"

namespace kernel {

// A waiter counts itself and then looks at its condition; a waker has changed that and then looks
// here. With a fence between the two on both sides, one of them sees what the other did.
bool WaitQueue::is_empty() const {
  base::fence<base::Order::sequential>();
  return size_.load<base::Order::relaxed>() == 0;
}

void WaitQueue::wake_all() {
  if (is_empty()) {
    return;
  }
  const base::Guard guard(lock_);
  for (Waiter* waiter = waiters_.front(); waiter != nullptr; waiter = waiters_.next(*waiter)) {
    waiter->woken = true;
    wake(*waiter->thread);
  }
}

void WaitQueue::wake_one() {
  if (is_empty()) {
    return;
  }
  const base::Guard guard(lock_);
  for (Waiter* waiter = waiters_.front(); waiter != nullptr; waiter = waiters_.next(*waiter)) {
    if (!waiter->woken) {
      waiter->woken = true;
      wake(*waiter->thread);
      return;
    }
  }
}

void WaitQueue::add(Waiter& waiter) {
  const base::Guard guard(lock_);
  waiters_.push_back(waiter);
  size_.fetch_add<base::Order::relaxed>(1);
  base::fence<base::Order::sequential>();
}

void WaitQueue::look_again(Waiter& waiter) {
  const base::Guard guard(lock_);
  waiter.woken = false;
}

void WaitQueue::remove(Waiter& waiter) {
  const base::Guard guard(lock_);
  waiters_.remove(waiter);
  size_.fetch_sub<base::Order::relaxed>(1);
}

struct MultiWait::More {
  static constexpr size_t capacity = 16;
  More* next;
  size_t count;
  WaitQueue::Waiter waiters[capacity];
};

void MultiWait::time_out(void* context, Timer&) {
  wake(*static_cast<Thread*>(context));
}

void check_may_wait() {
  BASE_DCHECK(cpu_local().held_locks.none(), "a wait with a spin lock held");
}

MultiWait::MultiWait(WaitKind kind, Deadline deadline)
    : thread_(current_thread()), kind_(kind), deadline_(deadline), timer_(time_out, &thread_) {
  check_may_wait();
  if (!deadline.is_never()) {
    timer_.start(deadline);
  }
}

MultiWait::~MultiWait() {
  cancel_wait(thread_);
  timer_.cancel();
  for (size_t i = 0; i < count_; ++i) {
    waiters_[i].queue->remove(waiters_[i]);
  }
  while (More* more = more_) {
    for (size_t i = 0; i < more->count; ++i) {
      more->waiters[i].queue->remove(more->waiters[i]);
    }
    more_ = more->next;
    more->~More();
    heap_free(more);
  }
}

bool MultiWait::add(WaitQueue& queue) {
  WaitQueue::Waiter* waiter = nullptr;
  if (count_ < inline_queues) {
    waiter = &waiters_[count_++];
  } else {
    if (more_ == nullptr || more_->count == More::capacity) {
      auto storage = heap_allocate(sizeof(More));
      if (!storage) {
        return false;
      }
      More* fresh = base::construct_at<More>(storage.value());
      fresh->next = more_;
      fresh->count = 0;
      more_ = fresh;
    }
    waiter = &more_->waiters[more_->count++];
  }
  waiter->thread = &thread_;
  waiter->queue = &queue;
  queue.add(*waiter);
  return true;
}

void MultiWait::prepare() {
  for (size_t i = 0; i < count_; ++i) {
    waiters_[i].queue->look_again(waiters_[i]);
  }
  for (More* more = more_; more != nullptr; more = more->next) {
    for (size_t i = 0; i < more->count; ++i) {
      more->waiters[i].queue->look_again(more->waiters[i]);
    }
  }
  prepare_to_wait(thread_);
}

WaitResult MultiWait::block() {
  const Attention stops = kind_ == WaitKind::interruptible ? Attention::kill_or_signal
                          : kind_ == WaitKind::killable    ? Attention::kill
                                                           : Attention::none;
  if (thread_.has_attention(stops)) {
    return WaitResult::interrupted;
  }
  if (deadline_.has_passed()) {
    return WaitResult::timed_out;
  }
  block_current();
  return WaitResult::ready;
}

WaitResult sleep_until(Deadline deadline, WaitKind kind) {
  MultiWait wait(kind, deadline);
  for (;;) {
    wait.prepare();
    if (const WaitResult result = wait.block(); result != WaitResult::ready) {
      return result;
    }
  }
}

}  // namespace kernel
