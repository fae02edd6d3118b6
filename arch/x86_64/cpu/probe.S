// probe.S: accesses that may fault, each with its entry in the fixup table.

.macro FIXUP fault, resume
        .pushsection kernel_fixups, "a", @progbits
        .quad   \fault, \resume
        .popsection
.endm

        .text

//   extern "C" bool cpu_probe_read(uint64_t address);
// in rdi; out al
        .globl  cpu_probe_read
        .type   cpu_probe_read, @function
cpu_probe_read:
        .cfi_startproc
1:      movb    (%rdi), %al
        movl    $1, %eax
        ret
2:      xorl    %eax, %eax
        ret
        .cfi_endproc
        .size   cpu_probe_read, . - cpu_probe_read
        FIXUP   1b, 2b

//   extern "C" bool cpu_probe_write(uint64_t address);
// in rdi; out al; rewrites the byte it finds
        .globl  cpu_probe_write
        .type   cpu_probe_write, @function
cpu_probe_write:
        .cfi_startproc
1:      movb    (%rdi), %al
2:      movb    %al, (%rdi)
        movl    $1, %eax
        ret
3:      xorl    %eax, %eax
        ret
        .cfi_endproc
        .size   cpu_probe_write, . - cpu_probe_write
        FIXUP   1b, 3b
        FIXUP   2b, 3b

//   extern "C" bool cpu_probe_execute(uint64_t address);
// in rdi; out al. A fault at `address` resumes below with the call's return address on the stack.
        .globl  cpu_probe_execute
        .type   cpu_probe_execute, @function
cpu_probe_execute:
        .cfi_startproc
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    *%rdi
        movl    $1, %eax
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .globl  cpu_probe_execute_resume
cpu_probe_execute_resume:
        addq    $16, %rsp
        xorl    %eax, %eax
        ret
        .cfi_endproc
        .size   cpu_probe_execute, . - cpu_probe_execute

        .section .note.GNU-stack, "", @progbits
