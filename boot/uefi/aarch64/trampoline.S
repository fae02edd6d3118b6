// The last steps to the kernel, position independent: copied into the trampoline page.
//
//   [[noreturn]] void trampoline(const Handoff* handoff);   // AAPCS64
//
// Called on the firmware's tables and stack at EL1 or EL2 with boot services gone, at the page's
// own physical address, which both the firmware's and the new TTBR0 tables map to itself. Code and
// Handoff are clean to memory: the middle part runs with translation and data cache off.
//
//   x0        handoff, then BootInfo
//   x1        scratch
//   x20..x27  the handoff's fields, in order
//
// Source: Arm ARM (DDI 0487) D1.4 (exception levels), D8.2 (translation), D19.2 (registers).
#include "boot/enter_el1.inc"
#include "boot/leave_el2.inc"
#include "handoff.h"

#define SCTLR_M 0x1
#define SCTLR_C 0x4
#define SCTLR_I 0x1000

  .text
  .globl trampoline_begin, trampoline_end
  .p2align 4
trampoline_begin:
  msr daifset, #15
  ldp x20, x21, [x0, #HANDOFF_MAIR]     // mair, tcr
  ldp x22, x23, [x0, #HANDOFF_TTBR0]    // ttbr0, ttbr1
  ldp x24, x25, [x0, #HANDOFF_SCTLR]    // sctlr, entry
  ldp x26, x27, [x0, #HANDOFF_STACK]    // stack, info

  mrs x1, CurrentEL
  cmp x1, #(2 << 2)
  b.ne el1

  LEAVE_EL2 x24, el1

el1:
  mrs x1, sctlr_el1
  bic x1, x1, #SCTLR_M
  bic x1, x1, #SCTLR_C
  msr sctlr_el1, x1
  isb
  ENTER_EL1
trampoline_end:
