// stepper.S: calls with RFLAGS.TF set (Intel SDM vol. 3B 17.3.1.4: #DB after each instruction).
//
//   UsercopyValue ktest_step_call(const void* function, uint64_t a, uint64_t b, uint64_t c);
//   UsercopyValue ktest_plain_call(const void* function, uint64_t a, uint64_t b, uint64_t c);
//
// rdi function, rsi, rdx, rcx its arguments; r11 the function; rax, rdx the result.

        .text

.macro CALL_ARGUMENTS
        pushq   %rbp
        movq    %rsp, %rbp
        movq    %rdi, %r11
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
.endm

        .globl  ktest_step_call
        .type   ktest_step_call, @function
ktest_step_call:
        CALL_ARGUMENTS
        pushfq
        orl     $0x100, (%rsp)
        popfq
        call    *%r11
        pushfq
        andl    $~0x100, (%rsp)
        popfq
        popq    %rbp
        ret
        .size   ktest_step_call, . - ktest_step_call

        .globl  ktest_plain_call
        .type   ktest_plain_call, @function
ktest_plain_call:
        CALL_ARGUMENTS
        call    *%r11
        popq    %rbp
        ret
        .size   ktest_plain_call, . - ktest_plain_call

        .section .note.GNU-stack, "", @progbits
