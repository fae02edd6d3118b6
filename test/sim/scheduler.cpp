// See scheduler.h. Contexts are switched with ucontext, without its system call on x86_64.
#include "sim/scheduler.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <string>
#include <unordered_map>

#include "sim/failure.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#endif

namespace sim {

namespace {
constexpr size_t stack_size = 256 * 1024;
// Reads of one address without a write in between that make a spin loop.
constexpr uint32_t patience = 16;

// Stacks are reused: an exploration makes millions of fibers.
thread_local std::vector<void*> free_stacks;

void* take_stack() {
  if (!free_stacks.empty()) {
    void* stack = free_stacks.back();
    free_stacks.pop_back();
    return stack;
  }
  void* stack = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) fail(Rule::mismatch, "no memory for a fiber's stack");
  return stack;
}
}  // namespace

#if defined(__x86_64__)
// Saves the callee-saved registers and the stack pointer in *save, continues at `to`.
extern "C" void sim_switch_stacks(void** save, void* to);
asm(R"(
.text
.type sim_switch_stacks,@function
sim_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sim_switch_stacks, .-sim_switch_stacks
)");
#endif

struct Scheduler::Fiber {
  Scheduler* scheduler = nullptr;
  uint32_t cpu = 0;
  uint32_t parent = nobody;
  std::function<void()> body;
  std::function<bool()> ready;  // of wait()
  Pending pending;
  const volatile void* last_address = nullptr;
  bool relaxing = false;                                     // until somebody writes relax_on
  std::unordered_map<const volatile void*, uint32_t> reads;  // since it wrote or rested last
  bool woken = false;         // by a write anywhere since it began relaxing
  bool looked_again = false;  // without one, since the last write anywhere
  bool finished = false;
  void* stack = nullptr;
  void* context = nullptr;  // saved stack pointer
#if !defined(__x86_64__)
  ucontext_t machine_context;
#endif
};

#if !defined(__x86_64__)
namespace {
thread_local ucontext_t main_ucontext;
}
#endif

Scheduler* Scheduler::running_scheduler() {
  return active_ != nullptr && active_->running_ != nobody ? active_ : nullptr;
}

Scheduler::Scheduler(Chooser& chooser) : chooser_(chooser) {
  leave_stack = &Scheduler::leave;
}

// From a fiber: to the scheduler, for good.
void Scheduler::leave(const Failure& failure) {
  Scheduler* scheduler = running_scheduler();
  if (scheduler == nullptr) return;
  if (scheduler->failure_ == nullptr) scheduler->failure_ = std::make_exception_ptr(failure);
  scheduler->fibers_[scheduler->running_]->finished = true;
  scheduler->switch_to_main();
}

namespace {

// A schedule of one that never chooses: only its stack is wanted.
class OnlyOne final : public Chooser {
 public:
  uint32_t choose(const Scheduler&, const std::vector<uint32_t>& enabled, uint32_t) override {
    return enabled.front();
  }
};

}  // namespace

void run_abandonable(const std::function<void()>& body) {
  OnlyOne one;
  Scheduler scheduler(one);
  scheduler.silence_points();
  scheduler.spawn(0, body);
  scheduler.run();
}

Scheduler::~Scheduler() {
  for (auto& fiber : fibers_) {
    if (fiber->stack != nullptr) free_stacks.push_back(fiber->stack);
  }
}

uint32_t Scheduler::running_cpu() const {
  return fibers_[running_]->cpu;
}
const Pending& Scheduler::pending(uint32_t fiber) const {
  return fibers_[fiber]->pending;
}
bool Scheduler::finished(uint32_t fiber) const {
  return fibers_[fiber]->finished;
}
uint32_t Scheduler::parent(uint32_t fiber) const {
  return fibers_[fiber]->parent;
}

namespace {
bool clash(const volatile void* a, Touch how_a, const volatile void* b, Touch how_b) {
  return a != nullptr && a == b && (how_a != Touch::read || how_b != Touch::read);
}
}  // namespace

bool conflict(const Pending& a, const Pending& b) {
  return clash(a.address, a.touch, b.address, b.touch) ||
         clash(a.address, a.touch, b.also, b.also_touch) ||
         clash(a.also, a.also_touch, b.address, b.touch) ||
         clash(a.also, a.also_touch, b.also, b.also_touch);
}

void Scheduler::entry(void* argument) {
  auto* fiber = static_cast<Fiber*>(argument);
#ifdef SIM_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  try {
    fiber->body();
  } catch (...) {
    if (fiber->scheduler->failure_ == nullptr)
      fiber->scheduler->failure_ = std::current_exception();
  }
  fiber->finished = true;
  fiber->scheduler->switch_to_main();
  std::terminate();
}

#if defined(__x86_64__)
extern "C" void sim_fiber_start();
asm(R"(
.text
.type sim_fiber_start,@function
sim_fiber_start:
  .cfi_startproc
  .cfi_undefined rip
  movq %rbx, %rdi
  xorl %ebp, %ebp
  callq *%r12
  ud2
  .cfi_endproc
.size sim_fiber_start, .-sim_fiber_start
)");
#endif

uint32_t Scheduler::spawn(uint32_t cpu, std::function<void()> body) {
  auto fiber = std::make_unique<Fiber>();
  fiber->scheduler = this;
  fiber->cpu = cpu;
  fiber->parent = running_;
  fiber->body = std::move(body);
  fiber->stack = take_stack();
  fiber->pending = {nullptr, Touch::read};
#if defined(__x86_64__)
  auto** top = reinterpret_cast<void**>(static_cast<char*>(fiber->stack) + stack_size - 64);
  // As sim_switch_stacks pops them: r15 r14 r13 r12 rbx rbp, return address.
  void** at = top - 7;
  at[0] = at[1] = at[2] = nullptr;
  at[3] = reinterpret_cast<void*>(&Scheduler::entry);
  at[4] = fiber.get();
  at[5] = nullptr;
  at[6] = reinterpret_cast<void*>(&sim_fiber_start);
  fiber->context = at;
#else
  getcontext(&fiber->machine_context);
  fiber->machine_context.uc_stack.ss_sp = fiber->stack;
  fiber->machine_context.uc_stack.ss_size = stack_size;
  fiber->machine_context.uc_link = nullptr;
  const auto raw = reinterpret_cast<uintptr_t>(fiber.get());
  makecontext(&fiber->machine_context,
              reinterpret_cast<void (*)()>(+[](unsigned high, unsigned low) {
                entry(reinterpret_cast<void*>(uintptr_t(high) << 32 | low));
              }),
              2, unsigned(raw >> 32), unsigned(raw));
#endif
  fibers_.push_back(std::move(fiber));
  return uint32_t(fibers_.size() - 1);
}

bool Scheduler::enabled(const Fiber& fiber) const {
  if (fiber.finished || fiber.relaxing) return false;
  return !fiber.ready || fiber.ready();
}

bool Scheduler::busy(uint32_t cpu) const {
  for (const auto& fiber : fibers_) {
    if (fiber->cpu == cpu && !fiber->finished) return true;
  }
  return false;
}

void Scheduler::run() {
  Scheduler* outer = active_;
  active_ = this;
  uint32_t last = nobody;
  std::vector<uint32_t> ready;
  while (failure_ == nullptr) {
    ready.clear();
    bool all_finished = true;
    for (uint32_t i = 0; i < fibers_.size(); ++i) {
      all_finished = all_finished && fibers_[i]->finished;
      if (enabled(*fibers_[i])) ready.push_back(i);
    }
    if (all_finished) break;
    if (ready.empty()) {
      // A spin loop may wait for more than the word it looked at last, or for what has come about
      // since it looked: let all look again, once.
      bool again = false;
      for (auto& fiber : fibers_) {
        if (fiber->relaxing && (fiber->woken || !fiber->looked_again)) {
          fiber->relaxing = fiber->woken = false;
          fiber->looked_again = true;
          again = true;
        }
      }
      if (again) continue;
      std::string who;
      for (uint32_t i = 0; i < fibers_.size(); ++i) {
        if (fibers_[i]->finished) continue;
        who += " fiber " + std::to_string(i) + " on CPU " + std::to_string(fibers_[i]->cpu) +
               (fibers_[i]->relaxing ? " spins;" : " waits;");
      }
      try {
        fail(Rule::deadlock, "nobody can run:%s", who.c_str());
      } catch (...) {
        failure_ = std::current_exception();
      }
      break;
    }
    const uint32_t next = chooser_.choose(*this, ready, last);
    Fiber& fiber = *fibers_[next];
    fiber.ready = nullptr;
    if (fiber.pending.address != nullptr && fiber.pending.touch != Touch::read) {
      for (auto& other : fibers_) {
        if (other.get() == &fiber) continue;
        other->looked_again = false;
        if (!other->relaxing) continue;
        other->woken = true;
        if (other->last_address == fiber.pending.address) other->relaxing = other->woken = false;
      }
    }
    if (fiber.pending.address != nullptr) fiber.last_address = fiber.pending.address;
    last = running_ = next;
#ifdef SIM_ASAN
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, fiber.stack, stack_size);
#endif
#if defined(__x86_64__)
    sim_switch_stacks(&main_context_, fiber.context);
#else
    swapcontext(&main_ucontext, &fiber.machine_context);
#endif
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
    running_ = nobody;
  }
  active_ = outer;
  if (failure_ == nullptr) return;
  // Told now: the destructors that the exception passes may find things half done, and panic.
  try {
    std::rethrow_exception(failure_);
  } catch (const std::exception& failure) {
    chooser_.failed(failure.what());
    throw;
  }
}

void Scheduler::switch_to_main() {
  Fiber& fiber = *fibers_[running_];
#ifdef SIM_ASAN
  // The main stack's bounds are whatever the thread's are; asan needs them only to know them.
  static thread_local const void* bottom = nullptr;
  static thread_local size_t size = 0;
  if (bottom == nullptr) {
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    void* base = nullptr;
    pthread_attr_getstack(&attributes, &base, &size);
    pthread_attr_destroy(&attributes);
    bottom = base;
  }
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(fiber.finished ? nullptr : &fake, bottom, size);
#endif
#if defined(__x86_64__)
  sim_switch_stacks(&fiber.context, main_context_);
#else
  swapcontext(&fiber.machine_context, &main_ucontext);
#endif
#ifdef SIM_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

void Scheduler::point(const Pending& next) {
  if (std::uncaught_exceptions() != 0) return;  // a failure unwinds: nobody else runs any more
  Fiber& fiber = *fibers_[running_];
  fiber.pending = next;
  // A loop that waits for others without saying so (a reader of a version number): let them run.
  if (next.touch != Touch::read || next.also_touch != Touch::read) {
    fiber.reads.clear();
  } else if (++fiber.reads[next.address] == patience) {
    fiber.reads.clear();
    fiber.last_address = next.address;
    fiber.relaxing = true;
    fiber.woken = true;  // perhaps it only looks often: goes on when nobody else can
  }
  switch_to_main();
}

void Scheduler::wait(const Pending& next, std::function<bool()> ready) {
  if (std::uncaught_exceptions() != 0) return;
  Fiber& fiber = *fibers_[running_];
  fiber.pending = next;
  fiber.ready = std::move(ready);
  switch_to_main();
}

void Scheduler::relax() {
  if (std::uncaught_exceptions() != 0) return;
  Fiber& fiber = *fibers_[running_];
  fiber.pending = {fiber.last_address, Touch::read};
  fiber.relaxing = true;
  fiber.woken = false;
  switch_to_main();
}

}  // namespace sim

#if defined(BASE_SCHEDULE_POINTS) && BASE_SCHEDULE_POINTS
extern "C" void base_schedule_point(const volatile void* address, int writes) {
  sim::schedule_point(address, writes != 0 ? sim::Touch::write : sim::Touch::read);
}
#endif
