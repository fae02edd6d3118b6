// long vectors_hold(unsigned long seed, unsigned long rounds);
//   rdi  seed
//   rsi  rounds left
//   rax  system call number, then the answer; rcx busy loop; rdx, r11 scratch
        .set    system_call_getpid, 39
        .set    busy_loop, 20000

        .text
        .globl  vectors_hold
        .type   vectors_hold, @function
vectors_hold:
        .cfi_startproc
        .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        leaq    \i(%rdi), %rdx
        movq    %rdx, %xmm\i
        punpcklqdq %xmm\i, %xmm\i
        .endr
1:      testq   %rsi, %rsi
        jz      3f
        decq    %rsi
        movl    $system_call_getpid, %eax
        syscall
        movl    $busy_loop, %ecx
2:      decl    %ecx
        jnz     2b
        jmp     1b
3:      .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        movl    $\i, %eax
        leaq    \i(%rdi), %rdx
        movq    %xmm\i, %rcx
        cmpq    %rdx, %rcx
        jne     4f
        psrldq  $8, %xmm\i
        movq    %xmm\i, %rcx
        cmpq    %rdx, %rcx
        jne     4f
        .endr
        movq    $-1, %rax
4:      ret
        .cfi_endproc
        .size   vectors_hold, . - vectors_hold
        .section .note.GNU-stack, "", @progbits
