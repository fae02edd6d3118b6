// The one main of every Catch2 executable, and the panic hook: a broken invariant ends the process,
// which fails the test and leaves a core for the debugger.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>

#include "base/check.h"

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  std::fprintf(stderr, "panic: %s (%s:%u)\n", message, file, line);
  std::abort();
}
