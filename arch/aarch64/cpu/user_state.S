// user_state.S: saves and loads the user's floating-point and SIMD registers.
//
// The only kernel code that touches vector registers; everything else is compiled
// without them, so they hold the current user thread's values while the kernel runs.
// Called with FP and SIMD access on at EL1 (CPACR_EL1.FPEN = 0b11). The pointer is
// 16-byte aligned. General registers other than x1, x2 are kept.
// Source: Arm ARM C5.2.8 (FPCR), C5.2.10 (FPSR).

#include "asm_offsets.h"

  .arch_extension fp
  .arch_extension simd
  .text

// "extern "C" void cpu_save_vectors(cpu::UserState* state);"
//   x0  where to
  .type   cpu_save_vectors, %function
  .globl  cpu_save_vectors
cpu_save_vectors:
  .cfi_startproc
  stp     q0, q1, [x0, #0]
  stp     q2, q3, [x0, #32]
  stp     q4, q5, [x0, #64]
  stp     q6, q7, [x0, #96]
  stp     q8, q9, [x0, #128]
  stp     q10, q11, [x0, #160]
  stp     q12, q13, [x0, #192]
  stp     q14, q15, [x0, #224]
  stp     q16, q17, [x0, #256]
  stp     q18, q19, [x0, #288]
  stp     q20, q21, [x0, #320]
  stp     q22, q23, [x0, #352]
  stp     q24, q25, [x0, #384]
  stp     q26, q27, [x0, #416]
  stp     q28, q29, [x0, #448]
  stp     q30, q31, [x0, #480]
  mrs     x1, fpsr
  mrs     x2, fpcr
  str     x1, [x0, #USER_STATE_FPSR]
  str     x2, [x0, #USER_STATE_FPCR]
  ret
  .cfi_endproc
  .size   cpu_save_vectors, . - cpu_save_vectors

// "extern "C" void cpu_load_vectors(const cpu::UserState* state);"
//   x0  where from
  .type   cpu_load_vectors, %function
  .globl  cpu_load_vectors
cpu_load_vectors:
  .cfi_startproc
  ldp     q0, q1, [x0, #0]
  ldp     q2, q3, [x0, #32]
  ldp     q4, q5, [x0, #64]
  ldp     q6, q7, [x0, #96]
  ldp     q8, q9, [x0, #128]
  ldp     q10, q11, [x0, #160]
  ldp     q12, q13, [x0, #192]
  ldp     q14, q15, [x0, #224]
  ldp     q16, q17, [x0, #256]
  ldp     q18, q19, [x0, #288]
  ldp     q20, q21, [x0, #320]
  ldp     q22, q23, [x0, #352]
  ldp     q24, q25, [x0, #384]
  ldp     q26, q27, [x0, #416]
  ldp     q28, q29, [x0, #448]
  ldp     q30, q31, [x0, #480]
  ldr     x1, [x0, #USER_STATE_FPSR]
  ldr     x2, [x0, #USER_STATE_FPCR]
  msr     fpsr, x1
  msr     fpcr, x2
  ret
  .cfi_endproc
  .size   cpu_load_vectors, . - cpu_load_vectors

  .section .note.GNU-stack, "", %progbits
