// cpu.h: the bare processor: interrupt mask, waiting, stopping.
//
// The cpu layer is one namespace, `cpu`, with the same files and the same names on every
// architecture; `"cpu/..."` resolves to the folder of the architecture being built. It knows the
// kernel only through kernel/seam/. Addresses are plain uint64_t here and nowhere above.
//
// Nothing in this header allocates, locks or logs.
#pragma once

#include "cpu/sysreg.h"

#include <cstdint>

namespace cpu {

// What the interrupt mask was; only restore_interrupts() interprets it.
struct InterruptState {
  uint64_t bits;
};

// Masks interrupts on this CPU and returns what the mask was. Nests by keeping the result.
[[nodiscard]] inline InterruptState mask_interrupts() {
  const uint64_t flags = SYSREG_READ("daif");
  asm volatile("msr daifset, #3" : : : "memory");
  return {flags};
}

[[nodiscard]] inline bool interrupts_masked() {
  return (SYSREG_READ("daif") & pstate::irq_mask) != 0;
}

inline void unmask_interrupts() {
  asm volatile("msr daifclr, #3" : : : "memory");
}

inline void restore_interrupts(InterruptState state) {
  if ((state.bits & pstate::irq_mask) == 0) {
    unmask_interrupts();
  }
}

// Masks interrupts for its lifetime.
class [[nodiscard]] InterruptGuard {
 public:
  InterruptGuard() : state_(mask_interrupts()) {}
  ~InterruptGuard() { restore_interrupts(state_); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  InterruptState state_;
};

// Called with interrupts masked; returns with interrupts masked, after at least one interrupt was
// taken (or a spurious wake-up). There is no window between unmasking and waiting, so a condition
// checked under the mask just before the call cannot be missed: WFI wakes for a masked interrupt,
// which is taken between the ISBs.
inline void wait_for_interrupt() {
  asm volatile("dsb sy\n\twfi\n\tmsr daifclr, #3\n\tisb\n\tmsr daifset, #3" : : : "memory");
}

// A hint inside a spin loop.
inline void pause() {
  asm volatile("yield" : : : "memory");
}

// Masks interrupts and stops this CPU for good.
[[noreturn]] inline void halt() {
  for (;;) {
    asm volatile("msr daifset, #0xf\n\twfi" : : : "memory");
  }
}

// The frame pointer of the caller: [fp] is the caller's frame pointer, [fp + 8] its return
// address, on both architectures. A chain ends with frame pointer 0.
[[gnu::always_inline]] inline uint64_t frame_pointer() {
  return reinterpret_cast<uint64_t>(__builtin_frame_address(0));
}

}  // namespace cpu
