// memory.S: memcpy, memmove, memset, memcmp, which compilers call on their own.
// REP string instructions: small, and fast on every processor with ERMS.

        .text
//   extern "C" void* memcpy(void* to, const void* from, size_t size);
// in rdi to, rsi from, rdx size; out rax to
        .globl  memcpy
        .type   memcpy, @function
memcpy:
        .cfi_startproc
        movq    %rdi, %rax
        movq    %rdx, %rcx
        rep movsb
        ret
        .cfi_endproc
        .size   memcpy, . - memcpy

//   extern "C" void* memmove(void* to, const void* from, size_t size);
// Backwards when `to` lies inside [from, from + size).
        .globl  memmove
        .type   memmove, @function
memmove:
        .cfi_startproc
        movq    %rdi, %rax
        movq    %rdx, %rcx
        movq    %rdi, %r8
        subq    %rsi, %r8
        cmpq    %rdx, %r8
        jb      1f
        rep movsb
        ret
1:      leaq    -1(%rdi,%rdx), %rdi
        leaq    -1(%rsi,%rdx), %rsi
        std
        rep movsb
        cld
        ret
        .cfi_endproc
        .size   memmove, . - memmove

//   extern "C" void* memset(void* to, int byte, size_t size);
        .globl  memset
        .type   memset, @function
memset:
        .cfi_startproc
        movq    %rdi, %r8
        movl    %esi, %eax
        movq    %rdx, %rcx
        rep stosb
        movq    %r8, %rax
        ret
        .cfi_endproc
        .size   memset, . - memset

//   extern "C" int memcmp(const void* a, const void* b, size_t size);
        .globl  memcmp
        .type   memcmp, @function
memcmp:
        .cfi_startproc
        movq    %rdx, %rcx
        xorl    %eax, %eax
        testq   %rcx, %rcx
        jz      1f
        repe cmpsb
        movzbl  -1(%rdi), %eax
        movzbl  -1(%rsi), %ecx
        subl    %ecx, %eax
1:      ret
        .cfi_endproc
        .size   memcmp, . - memcmp

        .section .note.GNU-stack, "", @progbits
