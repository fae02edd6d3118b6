// rows.h: one figure per row and contender, measured in two ways. Run plainly, a row is timed:
// nanoseconds per operation, the minimum of several rounds. Run under callgrind, it is counted:
// instructions per operation, reported through the names of the profile dumps. count.py runs the
// program both ways and prints one table.
#pragma once

#include <valgrind/callgrind.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace bench {

inline bool counting() {
  return RUNNING_ON_VALGRIND != 0;
}

// body() performs `operations` operations; prepare() runs before each round, unmeasured.
template <class Prepare, class Body>
void measure(const std::string& row, const std::string& contender, uint64_t operations,
             Prepare&& prepare, Body&& body) {
  if (counting()) {
    prepare();
    body();  // warm: lazily bound symbols, caches of the code under test
    prepare();
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    body();
    CALLGRIND_TOGGLE_COLLECT;
    char name[200];
    std::snprintf(name, sizeof name, "%s|%s|%llu", row.c_str(), contender.c_str(),
                  static_cast<unsigned long long>(operations));
    CALLGRIND_DUMP_STATS_AT(name);
    return;
  }
  double best = 1e30;
  for (int round = 0; round < 15; ++round) {
    prepare();
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count() / double(operations));
  }
  std::printf("%s|%s|%.2f\n", row.c_str(), contender.c_str(), best);
}

template <class Body>
void measure(const std::string& row, const std::string& contender, uint64_t operations,
             Body&& body) {
  measure(row, contender, operations, [] {}, body);
}

// The compiler may not know what becomes of it.
template <class T>
void keep(const T& value) {
  __asm__ volatile("" : : "r"(value) : "memory");
}

}  // namespace bench
