// What a signal frame holds on aarch64, and how a hostile handler would change it.
#pragma once

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

enum { vector_bytes = 512 };

static inline void set_pc(ucontext_t* context, uintptr_t pc) {
  context->uc_mcontext.pc = pc;
}

// An address that no program can execute.
static const uintptr_t impossible_pc = 0xffff800000000000u;

// The kernel's exception level.
static inline void forge_privilege(ucontext_t* context) {
  context->uc_mcontext.pstate |= 5;
}

// What comes to be of that is not seen from within: Linux refuses the frame.
static inline int privileged(void) {
  return 0;
}

// The first record of the extensions is no record.
static inline void forge_vector_state(ucontext_t* context) {
  memset(context->uc_mcontext.__reserved, 0xff, 16);
}

static inline void set_rounding(unsigned mode) {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  control = (control & ~(3ull << 22)) | (uint64_t)mode << 22;
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

static inline unsigned rounding(void) {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control >> 22 & 3;
}
