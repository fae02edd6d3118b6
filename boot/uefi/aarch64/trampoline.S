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

  // EL2: its translation off, nothing of EL1 trapped, then down.
  mrs x1, sctlr_el2
  bic x1, x1, #SCTLR_M
  bic x1, x1, #SCTLR_C
  msr sctlr_el2, x1
  isb
  mov x1, #(1 << 31)                    // HCR_EL2.RW: EL1 is 64-bit
  orr x1, x1, #(3 << 40)                // APK, API: pointer authentication is EL1's own
  msr hcr_el2, x1
  isb
  mov x1, #3                            // counter and timer for EL1
  msr cnthctl_el2, x1
  msr cntvoff_el2, xzr
  msr vttbr_el2, xzr
  msr hstr_el2, xzr
  mrs x1, midr_el1
  msr vpidr_el2, x1
  mrs x1, mpidr_el1
  msr vmpidr_el2, x1

  mov x2, #0x33ff                       // CPTR_EL2: res1 bits, SVE and SME trapped
  mrs x1, id_aa64pfr0_el1
  ubfx x3, x1, #32, #4                  // SVE
  cbz x3, 1f
  bic x2, x2, #0x100
1:
  msr cptr_el2, x2
  isb
  cbz x3, 2f
  mov x3, #15                           // ZCR_EL2: the longest vectors
  msr S3_4_C1_C2_0, x3
2:
  ubfx x3, x1, #24, #4                  // GIC system registers
  cbz x3, 3f
  mrs x3, S3_4_C12_C9_5                 // ICC_SRE_EL2
  orr x3, x3, #1                        // SRE
  orr x3, x3, #8                        // Enable: EL1 may use its own
  msr S3_4_C12_C9_5, x3
  isb
  msr S3_4_C12_C11_0, xzr               // ICH_HCR_EL2
3:
  mrs x1, id_aa64dfr0_el1
  ubfx x1, x1, #8, #4                   // performance monitors
  cbz x1, 4f
  cmp x1, #15
  b.eq 4f
  mrs x2, pmcr_el0
  ubfx x2, x2, #11, #5                  // every counter is EL1's
  b 5f
4:
  mov x2, #0
5:
  msr mdcr_el2, x2
  mrs x1, id_aa64mmfr0_el1
  ubfx x1, x1, #56, #4                  // fine-grained traps
  cbz x1, 6f
  msr S3_4_C1_C1_4, xzr                 // HFGRTR_EL2
  msr S3_4_C1_C1_5, xzr                 // HFGWTR_EL2
  msr S3_4_C1_C1_6, xzr                 // HFGITR_EL2
  msr S3_4_C3_C1_4, xzr                 // HDFGRTR_EL2
  msr S3_4_C3_C1_5, xzr                 // HDFGWTR_EL2
6:
  bic x1, x24, #SCTLR_M
  bic x1, x1, #SCTLR_C
  msr sctlr_el1, x1
  mov x1, #0x3c5                        // EL1 with its own stack pointer, all masked
  msr spsr_el2, x1
  adr x1, el1
  msr elr_el2, x1
  isb
  eret

el1:
  mrs x1, sctlr_el1
  bic x1, x1, #SCTLR_M
  bic x1, x1, #SCTLR_C
  msr sctlr_el1, x1
  isb
  msr mair_el1, x20
  msr tcr_el1, x21
  msr ttbr0_el1, x22
  msr ttbr1_el1, x23
  isb
  tlbi vmalle1
  ic iallu
  dsb nsh
  isb
  msr sctlr_el1, x24
  isb
  msr spsel, #1
  mov sp, x26
  mov x0, x27
  mov x29, xzr
  mov x30, xzr
  br x25
trampoline_end:
