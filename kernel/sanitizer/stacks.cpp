// stacks.cpp: the shadow of variables on kernel stacks. A function that has arrays or variables
// whose address is taken keeps poisoned bytes between them while it runs.
//
// The names are the compiler's (clang 19). It names shadow by the address it stands for, divided by
// 8 (asan-mapping-offset=0).
#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/sanitizer/shadow_map.h"

extern "C" const char boot_stack_start[];
extern "C" const char boot_stack_end[];

namespace kernel {

namespace {

void set(uint64_t shadow_address, size_t count, uint8_t value) {
  if (shadow::active) {
    shadow::fill(shadow_address * shadow::granule, count * shadow::granule, value);
  }
}

// One past the stack that `address` lies in; 0: an emergency stack, or one that is not ours.
uint64_t stack_end(uint64_t address) {
  if (address >= stack_area_start && address < stack_area_end) {
    return base::align_down(address - stack_area_start, stack_slot_size) + stack_slot_size +
           stack_area_start;
  }
  const auto start = reinterpret_cast<uint64_t>(boot_stack_start);
  const auto end = reinterpret_cast<uint64_t>(boot_stack_end);
  return address >= start && address < end ? end : 0;
}

}  // namespace

}  // namespace kernel

using namespace kernel;

#define SET_SHADOW(name, value)                                          \
  void __asan_set_shadow_##name(uint64_t shadow_address, size_t count) { \
    set(shadow_address, count, value);                                   \
  }

extern "C" {

SET_SHADOW(00, 0)
SET_SHADOW(01, 1)
SET_SHADOW(02, 2)
SET_SHADOW(03, 3)
SET_SHADOW(04, 4)
SET_SHADOW(05, 5)
SET_SHADOW(06, 6)
SET_SHADOW(07, 7)
SET_SHADOW(f1, 0xf1)
SET_SHADOW(f2, 0xf2)
SET_SHADOW(f3, 0xf3)
SET_SHADOW(f5, 0xf5)
SET_SHADOW(f8, 0xf8)

void __asan_poison_stack_memory(uint64_t address, size_t size) {
  poison(reinterpret_cast<const void*>(address), size, Poison::stack_out_of_scope);
}
void __asan_unpoison_stack_memory(uint64_t address, size_t size) {
  unpoison(reinterpret_cast<const void*>(address), size);
}

// Before a call that does not return: what the functions on this stack have poisoned stays behind
// when it is used anew from its top.
void __asan_handle_no_return() {
  const auto here =
      base::align_down(reinterpret_cast<uint64_t>(__builtin_frame_address(0)), shadow::granule);
  if (const uint64_t end = stack_end(here); end != 0 && shadow::active) {
    shadow::fill(here, end - here, 0);
  }
}

}  // extern "C"
