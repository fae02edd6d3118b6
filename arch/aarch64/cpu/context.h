// context.h: switching between kernel stacks, and from a kernel stack to user mode.
#pragma once

#include "cpu/trap_frame.h"

#include <cstdint>

namespace cpu {

// A suspended kernel thread: everything else is on its stack. `stack_top` travels with it so
// that the vectors can tell a stack from its guard.
struct Context {
  uint64_t sp;
  uint64_t stack_top;
};

using ThreadEntry = void (*)(void* argument);

// A context that, when first switched to, calls entry(argument) with interrupts masked on the
// stack that ends at `stack_top` (16-byte aligned) with frame pointer 0. `entry` must not return.
// The stack has kernel_stack_size bytes (per_cpu.h).
[[nodiscard]] Context make_context(uint64_t stack_top, ThreadEntry entry, void* argument);

// Saves the callee-saved registers on the current stack, its pointer in `from`, and continues
// `to`. Returns when something switches back to `from`. Interrupts masked on both sides.
extern "C" void cpu_switch_context(Context* from, const Context* to);

// Leaves the kernel with the registers of `frame`, which must be a user frame. Interrupts masked.
// What was on the kernel stack is abandoned: the next entry starts at the kernel stack's top.
extern "C" [[noreturn]] void cpu_enter_user(const TrapFrame* frame);

// The user's thread pointer (FS base; TPIDR_EL0).
void set_user_tls(uint64_t base);
[[nodiscard]] uint64_t user_tls();

// Puts floating point, vector and user-visible control state of this CPU in the state a new
// program expects.
void reset_user_state();

// Floating point and vectors alone, as a signal handler expects them (aarch64: as they are).
void reset_vector_state();

// Room that save_user_state() needs; 64-byte aligned. Constant after enable_features().
[[nodiscard]] uint64_t user_state_size();
void save_user_state(void* area);
void load_user_state(const void* area);

}  // namespace cpu
