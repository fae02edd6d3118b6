// time_tests.cpp: clocks, ticks, random numbers.
#include "cpu/cpu.h"
#include "cpu/timer.h"
#include "kernel/host/clock.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/random.h"
#include "test/ktest/ktest.h"

namespace kernel::test {

namespace {

Verdict time_does_not_go_backwards() {
  uint64_t last = cpu::monotonic_ns();
  for (unsigned i = 0; i < 100'000; ++i) {
    const uint64_t now = cpu::monotonic_ns();
    KTEST_CHECK(now >= last, "the monotonic clock went backwards");
    last = now;
  }
  return passed;
}

Verdict ticks_arrive() {
  const uint64_t ticks = cpu_local().ticks;
  const uint64_t start = cpu::monotonic_ns();
  const cpu::InterruptGuard guard;
  while (cpu_local().ticks < ticks + 5) {
    KTEST_CHECK(cpu::monotonic_ns() - start < 5'000'000'000, "no five ticks in five seconds");
    cpu::wait_for_interrupt();
  }
  KTEST_CHECK(cpu::monotonic_ns() - start >= 20'000'000, "ticks arrive much too fast");
  return passed;
}

Verdict wall_clock_follows_the_firmware() {
  constexpr uint64_t year_2020 = 1'577'836'800ULL * 1'000'000'000;
  KTEST_CHECK(wall_clock_ns() > year_2020, "the wall clock is before 2020");
  return passed;
}

Verdict random_numbers_differ() {
  const uint64_t first = random_number();
  const uint64_t second = random_number();
  KTEST_CHECK(first != second && first != 0 && second != 0, "two equal numbers");
  return passed;
}

constexpr Test tests[] = {
    {"time_does_not_go_backwards", time_does_not_go_backwards},
    {"ticks_arrive", ticks_arrive},
    {"wall_clock_follows_the_firmware", wall_clock_follows_the_firmware},
    {"random_numbers_differ", random_numbers_differ},
};

}  // namespace

constinit const std::span<const Test> time_tests = tests;

}  // namespace kernel::test
