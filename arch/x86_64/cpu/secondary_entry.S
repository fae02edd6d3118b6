// secondary_entry.S: the first instructions of a CPU that is not the boot CPU.
//
// From secondary_page_start on: copied into a page below 1 MiB, where the start-up interrupt makes
// the CPU begin, in real mode with CS = the page. It goes straight to 64-bit mode: with EFER.LME
// and CR4.PAE set, CR0.PE and CR0.PG may be set at once (Intel SDM volume 3, 10.8.5 says the order
// of the rest; 9.4.4.1 of the multi-processor start). What it needs lies in SecondaryStart.
//
// Registers: eax, ecx, edx scratch; then rdi = PerCpu block, rsp = its stack.

#include "asm_offsets.h"

        .section .rodata.secondary, "a", @progbits
        .code16
        .globl  secondary_page_start
        .globl  secondary_long_mode
        .globl  secondary_page_end
secondary_page_start:
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        movl    $SECONDARY_START, %ebx
        movl    START_CONTROL4(%ebx), %eax
        movl    %eax, %cr4
        movl    START_ROOT(%ebx), %eax
        movl    %eax, %cr3
        movl    $EFER_MSR, %ecx
        movl    START_EFER(%ebx), %eax
        xorl    %edx, %edx
        wrmsr
        lgdtl   START_TABLES(%ebx)
        movl    START_CONTROL0(%ebx), %eax
        movl    %eax, %cr0
        ljmpl   *START_TARGET(%ebx)

        .code64
secondary_long_mode:
        leaq    secondary_page_start + SECONDARY_START(%rip), %rbx
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movq    START_STACK(%rbx), %rsp
        movq    START_BLOCK(%rbx), %rdi
        movq    START_KERNEL_ROOT(%rbx), %rsi
        movq    START_ENTRY(%rbx), %rax
        jmp     *%rax
secondary_page_end:

        .text
// Here the kernel half is in use; the lower half goes with the old root.
//   extern "C" [[noreturn]] void cpu_secondary_entry();
// in   rdi  PerCpu block; rsi  physical address of the kernel's root
        .globl  cpu_secondary_entry
        .type   cpu_secondary_entry, @function
cpu_secondary_entry:
        .cfi_startproc
        .cfi_undefined rip
        movq    %rsi, %cr3
        xorl    %ebp, %ebp
        call    kernel_secondary_entry  // [[noreturn]] void kernel_secondary_entry(PerCpu*);
        ud2
        .cfi_endproc
        .size   cpu_secondary_entry, . - cpu_secondary_entry

        .section .note.GNU-stack, "", @progbits
