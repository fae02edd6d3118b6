// secondary_entry.S: the first instructions of a CPU that is not the boot CPU.
//
// PSCI CPU_ON makes it begin at the physical address of cpu_secondary_start with translation and
// data cache off, at EL1, or at EL2 where the machine has it. The code lies in one page, which
// TTBR0's tables of SecondaryStart map to itself. Code, tables and SecondaryStart are clean to
// memory. Source: PSCI 5.6 and 6.4 (the state at the entry); Arm ARM D8.2 (translation).
//
//   x0        SecondaryStart, physical
//   x1 to x3  scratch
//   x20..x27  its fields, in order

#include "asm_offsets.h"
#include "boot/enter_el1.inc"
#include "boot/leave_el2.inc"

  .text
  .balign 1024                    // so that it crosses no page
  .globl  cpu_secondary_start
  .type   cpu_secondary_start, %function
cpu_secondary_start:
  .cfi_startproc
  .cfi_undefined x30
  msr     daifset, #15
  ldp     x20, x21, [x0, #START_MAIR]     // mair, tcr
  ldp     x22, x23, [x0, #START_TTBR0]    // ttbr0, ttbr1
  ldp     x24, x25, [x0, #START_SCTLR]    // sctlr, entry
  ldp     x26, x27, [x0, #START_STACK]    // stack, block
  mrs     x1, CurrentEL
  cmp     x1, #(2 << 2)
  b.ne    secondary_el1
  LEAVE_EL2 x24, secondary_el1
secondary_el1:
  ENTER_EL1
  .cfi_endproc
  .size   cpu_secondary_start, . - cpu_secondary_start
  .if (. - cpu_secondary_start) > 1024
  .error "the first instructions may cross a page"
  .endif

  .section .note.GNU-stack, "", %progbits
