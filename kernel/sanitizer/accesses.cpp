// accesses.cpp: what code compiled with -fsanitize=kernel-address calls before each access.
//
// The names are the compiler's (clang 19). Nothing here may itself be checked, and nothing waits:
// any code of the kernel, with any lock held, calls it.
#include <cstddef>
#include <cstdint>

#include "kernel/sanitizer/shadow_map.h"

namespace kernel {

namespace {

using shadow::Kind;

// Most accesses are within one granule, all of whose bytes are good.
template <uint64_t size>
[[gnu::always_inline]] inline void check(uint64_t address, Kind kind) {
  if (!shadow::active) {
    return;
  }
  if (address % shadow::granule + size <= shadow::granule) {
    const uint8_t* at = shadow::of(address);
    if (at == nullptr || *at == 0) {
      return;
    }
  }
  if (const uint64_t bad = shadow::first_bad(address, size)) {
    shadow::report(address, size, kind, bad);
  }
}

void check_range(uint64_t address, uint64_t size, Kind kind) {
  if (shadow::active) {
    if (const uint64_t bad = shadow::first_bad(address, size)) {
      shadow::report(address, size, kind, bad);
    }
  }
}

}  // namespace

}  // namespace kernel

using namespace kernel;

#define ACCESSES(size)                                  \
  void __asan_load##size##_noabort(uint64_t address) {  \
    check<size>(address, Kind::read);                   \
  }                                                     \
  void __asan_store##size##_noabort(uint64_t address) { \
    check<size>(address, Kind::write);                  \
  }

extern "C" {

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __asan_loadN_noabort(uint64_t address, size_t size) {
  check_range(address, size, Kind::read);
}
void __asan_storeN_noabort(uint64_t address, size_t size) {
  check_range(address, size, Kind::write);
}

void* __asan_memcpy(void* to, const void* from, size_t size) {
  check_range(reinterpret_cast<uint64_t>(from), size, Kind::read);
  check_range(reinterpret_cast<uint64_t>(to), size, Kind::write);
  return __builtin_memcpy(to, from, size);
}
void* __asan_memmove(void* to, const void* from, size_t size) {
  check_range(reinterpret_cast<uint64_t>(from), size, Kind::read);
  check_range(reinterpret_cast<uint64_t>(to), size, Kind::write);
  return __builtin_memmove(to, from, size);
}
void* __asan_memset(void* to, int byte, size_t size) {
  check_range(reinterpret_cast<uint64_t>(to), size, Kind::write);
  return __builtin_memset(to, byte, size);
}

}  // extern "C"
