// panic_tests.cpp: ways to end the kernel on purpose (`panictest=KIND`); the tests outside check
// the reason and the functions its backtrace names: panic_test_inner, _middle, _outer.
#include "base/check.h"
#include "cpu/power.h"
#include "kernel/driver/acpi.h"
#include "kernel/host/self_test.h"
#include "kernel/host/spin_lock.h"
#include "test/ktest/misbehave.h"

namespace kernel {

namespace {

// Keeps a call from becoming a jump, which would leave no frame to name.
void stay_in_this_function() {
  asm volatile("" : : : "memory");
}

volatile int* null_pointer() {
  volatile int* pointer = nullptr;
  asm volatile("" : "+r"(pointer));
  return pointer;
}

}  // namespace

[[gnu::noinline]] void panic_test_inner(PanicTest kind) {
  if (kind == PanicTest::null_pointer) {
    *null_pointer() = 1;
  }
  BASE_CHECK(kind != PanicTest::assertion, "an assertion that does not hold");
  stay_in_this_function();
}

[[gnu::noinline]] void panic_test_middle(PanicTest kind) {
  panic_test_inner(kind);
  stay_in_this_function();
}

[[gnu::noinline]] void panic_test_outer(PanicTest kind) {
  panic_test_middle(kind);
  stay_in_this_function();
}

// Recursion without end; the array makes each frame large, and the address keeps it alive.
[[gnu::noinline]] uint64_t panic_test_recurse(uint64_t depth) {
  if (depth == ~0ULL) {
    return 0;
  }
  volatile uint64_t room[32];
  room[depth % 32] = depth;
  const uint64_t below = panic_test_recurse(depth + 1);
  return below + room[depth % 32];
}

void take_locks_in_the_wrong_order() {
  SpinLock pipe(LockRank::pipe);
  SpinLock heap(LockRank::heap);
  const base::Guard first(heap);
  const base::Guard second(pipe);
}

void run_panic_test(PanicTest kind) {
  switch (kind) {
    case PanicTest::none: return;
    case PanicTest::stack_overflow: (void)panic_test_recurse(0); break;
    case PanicTest::lock_order: take_locks_in_the_wrong_order(); break;
    case PanicTest::reset: cpu::reset(platform());
    case PanicTest::null_pointer:
    case PanicTest::assertion: panic_test_outer(kind); break;
    default: misbehave(kind); break;
  }
  base_panic("the panic test did not panic", "panic_tests.cpp", 0);
}

}  // namespace kernel
