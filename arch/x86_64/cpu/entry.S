// entry.S: the first kernel instructions, on the loader's stack and tables.
//
//   extern "C" [[noreturn]] void kernel_entry(const boot::BootInfo* info);
//
// in   rdi  BootInfo, direct-map address
//      interrupts off, CR3 = the loader's tables
// uses rsp  becomes the static boot stack; rbp 0 ends backtraces

#include "asm_offsets.h"

        .section .text.entry, "ax", @progbits
        .globl  kernel_entry
        .type   kernel_entry, @function
kernel_entry:
        .cfi_startproc
        .cfi_undefined rip
        cli
        cld
        leaq    boot_stack_end(%rip), %rsp
        xorl    %ebp, %ebp
        call    kernel_main_entry
1:      cli
        hlt
        jmp     1b
        .cfi_endproc
        .size   kernel_entry, . - kernel_entry

        .section .bss.boot_stack, "aw", @nobits
        .balign 4096
        .globl  boot_stack_start
        .globl  boot_stack_end
boot_stack_start:
        .skip   KERNEL_STACK_SIZE
boot_stack_end:

        .section .note.GNU-stack, "", @progbits
