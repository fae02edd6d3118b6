// user_code.h: tiny pieces of machine code for tests, in test/ktest/<isa>/user_code.S; they lie in
// the kernel's read-only data and are copied into user pages. Position independent.
#pragma once

#include <cstdint>
#include <span>

namespace kernel::test {

using Code = std::span<const uint8_t>;

#define KTEST_CODE(name)                                                              \
  extern "C" const uint8_t ktest_##name##_start[];                                    \
  extern "C" const uint8_t ktest_##name##_end[];                                      \
  inline Code code_##name() {                                                         \
    return {ktest_##name##_start, size_t(ktest_##name##_end - ktest_##name##_start)}; \
  }

KTEST_CODE(return)           // returns to its caller
KTEST_CODE(exit_7)           // exit_group(7)
KTEST_CODE(read_tables)      // reads a system table or register only the kernel may; exits 0
KTEST_CODE(privileged)       // a privileged instruction; exits 0
KTEST_CODE(illegal)          // an undefined instruction; exits 0
KTEST_CODE(write_null)       // writes to address 8; exits 0
KTEST_CODE(read_kernel)      // reads the last page but one of the address space; exits 0
KTEST_CODE(jump_kernel)      // jumps there
KTEST_CODE(write_text)       // writes to its own page; exits 0
KTEST_CODE(run_stack)        // jumps to its stack pointer
KTEST_CODE(grow_stack)       // touches 1 MiB of stack downwards; exits 0
KTEST_CODE(fill_vectors)     // leaves a number in every vector register; exits 0
KTEST_CODE(look_at_vectors)  // exits 0 if every vector register is 0, 1 otherwise
KTEST_CODE(keep_flags)       // sets odd flags, traps in every way; exits 0 if they are as they were
KTEST_CODE(loop)             // spins for about 2^26 iterations with interrupts on; exits 0

#undef KTEST_CODE

}  // namespace kernel::test
