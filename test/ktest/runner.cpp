// runner.cpp: runs every list, prints a line a test, and audits memory around each.
#include "kernel/host/self_test.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/machine.h"
#include "kernel/process/scheduler.h"
#include "test/ktest/ktest.h"

namespace kernel {

namespace test {
const char absent[] = "absent";
}

namespace {

using test::Test;
using test::Verdict;

struct Tally {
  unsigned passed = 0;
  unsigned failed = 0;
};

struct Held {
  uint64_t blocks;
  uint64_t free_frames;  // the heap's among them: its blocks are counted
};

Held settle() {
  settle_threads();
  settle_memory();
  heap_trim();
  return {heap_block_count(), free_frame_count() + heap_frame_count()};
}

Verdict run_audited(const Test& test) {
  const Held before = settle();
  const Verdict verdict = test.run();
  const Held after = settle();
  if (verdict == test::passed && after.blocks != before.blocks) {
    return "heap blocks were lost or found";
  }
  // Tables of the kernel's own window may be added once and stay.
  if (verdict == test::passed && after.free_frames != before.free_frames) {
    return "frames were lost or found";
  }
  return verdict;
}

void run_list(std::span<const Test> tests, Tally& tally) {
  for (const Test& test : tests) {
    const Verdict verdict = run_audited(test);
    if (verdict == test::absent) {
      log_plain("@test absent %s", test.name);
    } else if (verdict == test::passed) {
      ++tally.passed;
      log_plain("@test ok %s", test.name);
    } else {
      ++tally.failed;
      log_plain("@test failed %s: %s", test.name, verdict);
    }
  }
}

}  // namespace

void prove_protections() {
  for (const Test& test : test::protection_tests) {
    const Verdict verdict = test.run();
    if (verdict != test::passed && verdict != test::absent) {
      panic("protection %s does not hold: %s", test.name, verdict);
    }
  }
}

bool run_self_tests(SelfTest which) {
  Tally tally;
  // What is expected of one CPU's order of events is looked at on one CPU.
  set_affinity(current_thread(), CpuMask::of(0));
  yield();
  if (which == SelfTest::all) {
    run_list(test::protection_tests, tally);
    run_list(test::memory_tests, tally);
    run_list(test::clone_tests, tally);
    run_list(test::file_tests, tally);
    run_list(test::format_tests, tally);
    run_list(test::time_tests, tally);
    run_list(test::process_tests, tally);
    run_list(test::program_tests, tally);
    run_list(test::cpu_tests, tally);
  }
  run_list(test::usercopy_tests, tally);
  run_list(test::window_tests, tally);
  check_frames();
  log_plain("%u passed, %u failed", tally.passed, tally.failed);
  return tally.failed == 0;
}

}  // namespace kernel
