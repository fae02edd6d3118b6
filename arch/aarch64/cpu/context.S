// context.S: the switch between kernel stacks and the first step on a new one.
//
// Interrupts are masked by the caller. What the calling convention lets a callee clobber is dead
// here by construction.
// Source: AAPCS64 6.1.1 (callee-saved registers), 6.4.6 (frame records).

#include "asm_offsets.h"

  .text

// extern "C" void cpu_switch_context(Context* from, const Context* to);
//   x0  from: gets the old stack pointer and stack top
//   x1  to: a context that an earlier call kept, or that make_context() made
//   x2, x3, x4  scratch
  .type   cpu_switch_context, %function
  .globl  cpu_switch_context
cpu_switch_context:
  .cfi_startproc
  stp     x29, x30, [sp, #-SWITCH_FRAME_SIZE]!
  .cfi_def_cfa_offset SWITCH_FRAME_SIZE
  .cfi_offset x29, -SWITCH_FRAME_SIZE
  .cfi_offset x30, -SWITCH_FRAME_SIZE + 8
  mov     x29, sp
  stp     x19, x20, [sp, #SWITCH_FRAME_X19]
  stp     x21, x22, [sp, #SWITCH_FRAME_X19 + 16]
  stp     x23, x24, [sp, #SWITCH_FRAME_X19 + 32]
  stp     x25, x26, [sp, #SWITCH_FRAME_X19 + 48]
  stp     x27, x28, [sp, #SWITCH_FRAME_X19 + 64]
  dsb     ish                     // the thread may go on elsewhere: its maintenance is complete
  mrs     x2, tpidr_el1
  mov     x3, sp
  ldr     x4, [x2, #PER_CPU_RUNNING_STACK_TOP]
  str     x3, [x0, #CONTEXT_SP]
  str     x4, [x0, #CONTEXT_STACK_TOP]
  ldr     x3, [x1, #CONTEXT_SP]
  ldr     x4, [x1, #CONTEXT_STACK_TOP]
  mov     sp, x3
  str     x4, [x2, #PER_CPU_RUNNING_STACK_TOP]
  ldp     x19, x20, [sp, #SWITCH_FRAME_X19]
  ldp     x21, x22, [sp, #SWITCH_FRAME_X19 + 16]
  ldp     x23, x24, [sp, #SWITCH_FRAME_X19 + 32]
  ldp     x25, x26, [sp, #SWITCH_FRAME_X19 + 48]
  ldp     x27, x28, [sp, #SWITCH_FRAME_X19 + 64]
  ldp     x29, x30, [sp], #SWITCH_FRAME_SIZE
  .cfi_def_cfa_offset 0
  .cfi_restore x29
  .cfi_restore x30
  ret
  .cfi_endproc
  .size   cpu_switch_context, . - cpu_switch_context

// First code on a fresh stack; make_context() names it as the return address.
//   x19  the thread's entry function
//   x20  its argument
  .type   cpu_thread_start, %function
  .globl  cpu_thread_start
cpu_thread_start:
  .cfi_startproc
  .cfi_undefined x30
  mov     x30, xzr
  mov     x0, x20
  blr     x19
  brk     #0
  .cfi_endproc
  .size   cpu_thread_start, . - cpu_thread_start

  .section .note.GNU-stack, "", %progbits
