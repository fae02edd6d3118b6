// stepper.S: calls under the software step machine (Arm ARM D2.11): MDSCR_EL1.SS and KDE, PSTATE.D
// clear. Entries set D, so handlers are not stepped.
//
//   UsercopyValue ktest_step_call(const void* function, uint64_t a, uint64_t b, uint64_t c);
//   UsercopyValue ktest_plain_call(const void* function, uint64_t a, uint64_t b, uint64_t c);
//
// x0 function, x1-x3 its arguments; x9 the function, x10 scratch, x19 DAIF before; x0, x1 result.

        .text

.macro BEGIN
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        str     x19, [sp, #16]
        mov     x9, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
.endm

.macro FINISH
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret
.endm

        .globl  ktest_step_call
        .type   ktest_step_call, %function
ktest_step_call:
        BEGIN
        mrs     x19, daif
        msr     daifset, #8
        msr     oslar_el1, xzr                  // the OS lock and the double lock forbid stepping
        msr     osdlr_el1, xzr
        mrs     x10, mdscr_el1
        orr     x10, x10, #1
        orr     x10, x10, #(1 << 13)
        msr     mdscr_el1, x10
        isb
        msr     daifclr, #8                     // the first step is pending from here on
        blr     x9
        msr     daif, x19
        mrs     x10, mdscr_el1
        bic     x10, x10, #1
        bic     x10, x10, #(1 << 13)
        msr     mdscr_el1, x10
        isb
        FINISH
        .size   ktest_step_call, . - ktest_step_call

        .globl  ktest_plain_call
        .type   ktest_plain_call, %function
ktest_plain_call:
        BEGIN
        blr     x9
        FINISH
        .size   ktest_plain_call, . - ktest_plain_call

        .section .note.GNU-stack, "", %progbits
