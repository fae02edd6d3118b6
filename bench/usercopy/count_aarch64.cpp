// count_aarch64 SIZE: one copy of SIZE bytes each way. bench/usercopy/count_aarch64.py runs it
// under an emulator that logs every instruction, and counts.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "test/usercopy/harness.h"
#include "usercopy/user_memory.h"

extern "C" void base_panic(const char* message, const char*, uint32_t) {
  std::fprintf(stderr, "panic: %s\n", message);
  std::abort();
}

int main(int argc, char** argv) {
  static uint8_t from[1 << 16];
  static uint8_t to[1 << 16];
  const unsigned long size = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (size == 0 || size > sizeof from) {
    std::fprintf(stderr, "usage: count_aarch64 SIZE (1 to %zu)\n", sizeof from);
    return 2;
  }
  const bool ok = usercopy::copy_from_user(to, harness::user(from), size).ok() &&
                  usercopy::copy_to_user(harness::user(to), from, size).ok();
  return ok ? 0 : 1;
}
