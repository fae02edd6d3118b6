// context.S: changing kernel stacks.
//
//   extern "C" void cpu_switch_context(cpu::Context* from, const cpu::Context* to);
//
// in   rdi  where to leave the current stack pointer
//      rsi  what to continue
// saves rbx rbp r12-r15 (callee-saved in the System V ABI) on the old stack

#include "asm_offsets.h"

        .text
        .globl  cpu_switch_context
        .type   cpu_switch_context, @function
cpu_switch_context:
        .cfi_startproc
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, CONTEXT_SP(%rdi)
        movq    CONTEXT_SP(%rsi), %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .cfi_endproc
        .size   cpu_switch_context, . - cpu_switch_context

//   extern "C" void cpu_thread_start();
// First return of a made context. in: r12 entry, r13 argument; rbp 0 ends backtraces.
        .globl  cpu_thread_start
        .type   cpu_thread_start, @function
cpu_thread_start:
        .cfi_startproc
        .cfi_undefined rip
        movq    %r13, %rdi
        xorl    %ebp, %ebp
        call    *%r12
        ud2
        .cfi_endproc
        .size   cpu_thread_start, . - cpu_thread_start

        .section .note.GNU-stack, "", @progbits
