// stepper.h: single steps inside the kernel, and interrupts that land between two instructions. In
// test/ktest/<isa>/stepper.{S,cpp}.
#pragma once

#include <cstdint>

#include "cpu/trap_frame.h"
#include "usercopy/primitives.h"

namespace kernel::test {

// Calls function(a, b, c) and returns both result registers; a single-step trap is taken before
// each of its instructions, as long as the observer calls continue_stepping(). The observer also
// sees a few steps of the way there and back. Interrupts are on.
extern "C" UsercopyValue ktest_step_call(const void* function, uint64_t a, uint64_t b, uint64_t c);
// The same without stepping.
extern "C" UsercopyValue ktest_plain_call(const void* function, uint64_t a, uint64_t b, uint64_t c);

// In the observer of a step: take the next one too. `last_pc`: the instruction that was stepped
// over. Where exclusive accesses cannot succeed while stepping, does what they would have done.
void continue_stepping(cpu::TrapFrame& frame, uint64_t last_pc);

// Whether the interrupted code had user access open.
[[nodiscard]] bool had_user_access(const cpu::TrapFrame& frame);

enum class WindowEffect : uint8_t { none, opens, closes };
// What the instruction at `pc` does to user access.
[[nodiscard]] WindowEffect window_effect(uint64_t pc);

// Makes the copy that is cut just here look as if another processor, which does it in another way,
// had begun it. False where nothing is cut: what is next is no second or third instruction of a
// memory copy (aarch64, FEAT_MOPS).
bool make_copy_foreign(cpu::TrapFrame& frame);

// The timer's interrupt becomes pending on this CPU, to be taken as soon as it is not masked.
void make_timer_pending();

[[nodiscard]] bool has_nmi();
// Sends this CPU an NMI; it is taken at once, unless one is being handled: then right after that.
void send_nmi();

}  // namespace kernel::test
