// What a signal frame holds on x86_64, and how a hostile handler would change it.
#pragma once

#include <stdint.h>
#include <ucontext.h>

enum { vector_bytes = 256 };

static inline void set_pc(ucontext_t* context, uintptr_t pc) {
  context->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

// An address that no program counter can hold.
static const uintptr_t impossible_pc = 0x8000000000000000u;

// I/O privilege, nested task, interrupts off.
static inline void forge_privilege(ucontext_t* context) {
  context->uc_mcontext.gregs[REG_EFL] =
      (context->uc_mcontext.gregs[REG_EFL] | 3 << 12 | 1 << 14) & ~(1 << 9);
}

// 1 when any of that came to be.
static inline int privileged(void) {
  uint64_t flags;
  __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
  return (flags & (3 << 12 | 1 << 14)) != 0 || (flags & 1 << 9) == 0;
}

static inline void forge_vector_state(ucontext_t* context) {
  context->uc_mcontext.fpregs = (fpregset_t)8;
}

static inline void set_rounding(unsigned mode) {
  uint32_t control;
  __asm__ volatile("stmxcsr %0" : "=m"(control));
  control = (control & ~(3u << 13)) | mode << 13;
  __asm__ volatile("ldmxcsr %0" : : "m"(control));
}

static inline unsigned rounding(void) {
  uint32_t control;
  __asm__ volatile("stmxcsr %0" : "=m"(control));
  return control >> 13 & 3;
}
