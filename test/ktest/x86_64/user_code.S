// user_code.S: machine code for test/ktest/user_code.h, x86_64. User mode, no stack use but where
// said; system call numbers are Linux's.

        .set    SYS_EXIT_GROUP, 231

.macro CODE name
        .globl  ktest_\name\()_start
ktest_\name\()_start:
.endm
.macro END name
        .globl  ktest_\name\()_end
ktest_\name\()_end:
.endm
.macro EXIT status
        movl    $\status, %edi
        movl    $SYS_EXIT_GROUP, %eax
        syscall
.endm

        .section .rodata.ktest, "a", @progbits
CODE return
        ret
END return

CODE exit_7
        EXIT    7
END exit_7

CODE read_tables
        sgdt    -16(%rsp)
        EXIT    0
END read_tables

CODE privileged
        cli
        EXIT    0
END privileged

CODE illegal
        ud2
        EXIT    0
END illegal

CODE write_null
        movb    $1, 8
        EXIT    0
END write_null

CODE read_kernel
        movq    $-8192, %rax
        movb    (%rax), %al
        EXIT    0
END read_kernel

CODE jump_kernel
        movq    $-8192, %rax
        jmp     *%rax
END jump_kernel

CODE write_text
        leaq    0(%rip), %rax
        movb    $0x90, (%rax)
        EXIT    0
END write_text

CODE run_stack
        pushq   $0xc3
        jmp     *%rsp
END run_stack

CODE grow_stack
        movl    $256, %ecx
        movq    %rsp, %rax
1:      subq    $4096, %rax
        movb    $1, (%rax)
        decl    %ecx
        jnz     1b
        EXIT    0
END grow_stack

// AC, NT and DF.
CODE keep_flags
        .set    ODD_FLAGS, 0x44400
        pushfq
        orl     $ODD_FLAGS, (%rsp)
        popfq
        movl    $39, %eax               // getpid
        syscall
        movb    $1, -0x10000(%rsp)      // a page fault
        movl    $(1 << 23), %ecx        // time for a tick
1:      subl    $1, %ecx
        jnz     1b
        pushfq
        popq    %rax
        andl    $ODD_FLAGS, %eax
        cmpl    $ODD_FLAGS, %eax
        jne     2f
        EXIT    0
2:      EXIT    1
END keep_flags

CODE fill_vectors
        .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        movl    $(\i + 1), %eax
        movq    %rax, %xmm\i
        punpcklqdq %xmm\i, %xmm\i
        .endr
        EXIT    0
END fill_vectors

CODE look_at_vectors
        .irp    i, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        por     %xmm\i, %xmm0
        .endr
        movq    %xmm0, %rax
        psrldq  $8, %xmm0
        movq    %xmm0, %rcx
        orq     %rcx, %rax
        jnz     1f
        EXIT    0
1:      EXIT    1
END look_at_vectors

CODE loop
        movl    $(1 << 26), %ecx
1:      decl    %ecx
        jnz     1b
        EXIT    0
END loop

        .section .note.GNU-stack, "", @progbits
