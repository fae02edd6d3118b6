// ktest.h: tests that run inside the kernel, on the real machine (`selftest=all`).
//
// A test returns nullptr when it passed, a reason when it failed, or `absent` when the processor
// lacks what it is about. It leaves the kernel as it found it: the runner compares free frames and
// heap blocks before and after.
#pragma once

#include <cstdint>
#include <span>

namespace kernel::test {

using Verdict = const char*;
inline constexpr Verdict passed = nullptr;
extern const char absent[];

struct Test {
  const char* name;
  Verdict (*run)();
};

// One list a file.
extern const std::span<const Test> protection_tests;
extern const std::span<const Test> memory_tests;
extern const std::span<const Test> clone_tests;
extern const std::span<const Test> program_tests;
extern const std::span<const Test> process_tests;
extern const std::span<const Test> usercopy_tests;
extern const std::span<const Test> window_tests;
extern const std::span<const Test> file_tests;
extern const std::span<const Test> format_tests;
extern const std::span<const Test> time_tests;
extern const std::span<const Test> cpu_tests;

// Returns `why` from the enclosing test unless `condition` holds.
#define KTEST_CHECK(condition, why) \
  do {                              \
    if (!(condition)) {             \
      return why;                   \
    }                               \
  } while (false)

}  // namespace kernel::test
