// memory.S: memcpy, memmove, memset, memcmp, which compilers call on their own, and which fill and
// copy pages. General registers only.
//
// Up to 32 bytes: two overlapping moves. Above: REP MOVSQ and STOSQ, the last bytes apart; they
// are as fast as the byte forms where both ends are aligned, as pages are. Unaligned blocks of 1 KiB
// and more go by bytes (REP MOVSB), which processors with ERMS do in whole lines.

        .text
//   extern "C" void* memcpy(void* to, const void* from, size_t size);
//   rdi to, rax the same; rsi from; rdx size; rcx count, r8 to r11 data
        .globl  memcpy
        .type   memcpy, @function
memcpy:
        .cfi_startproc
        movq    %rdi, %rax
.Lforward:
        cmpq    $16, %rdx
        jb      .Lcopy_below_16
        movq    -8(%rsi,%rdx), %r8      // the last bytes, read before anything is written
        cmpq    $32, %rdx
        ja      .Lcopy_long
        movq    (%rsi), %r9
        movq    8(%rsi), %r10
        movq    -16(%rsi,%rdx), %r11
        movq    %r9, (%rdi)
        movq    %r10, 8(%rdi)
        movq    %r11, -16(%rdi,%rdx)
        movq    %r8, -8(%rdi,%rdx)
        ret
.Lcopy_long:
        cmpq    $1024, %rdx
        jae     .Lcopy_large
.Lcopy_words:
        movq    %rdx, %rcx
        shrq    $3, %rcx
        rep movsq
        movq    %r8, -8(%rax,%rdx)
        ret
.Lcopy_large:
        movl    %edi, %ecx
        orl     %esi, %ecx
        testb   $7, %cl
        jz      .Lcopy_words
        movq    %rdx, %rcx
        rep movsb
        ret
.Lcopy_below_16:
        cmpq    $8, %rdx
        jae     .Lcopy_8
        cmpq    $4, %rdx
        jae     .Lcopy_4
        testq   %rdx, %rdx
        jz      .Lcopied
        movzbl  (%rsi), %r8d            // 1 to 3: first, middle, last
        movzbl  -1(%rsi,%rdx), %r9d
        movq    %rdx, %rcx
        shrq    $1, %rcx
        movzbl  (%rsi,%rcx), %r10d
        movb    %r10b, (%rdi,%rcx)
        movb    %r8b, (%rdi)
        movb    %r9b, -1(%rdi,%rdx)
.Lcopied:
        ret
.Lcopy_4:
        movl    (%rsi), %r8d
        movl    -4(%rsi,%rdx), %r9d
        movl    %r8d, (%rdi)
        movl    %r9d, -4(%rdi,%rdx)
        ret
.Lcopy_8:
        movq    (%rsi), %r8
        movq    -8(%rsi,%rdx), %r9
        movq    %r8, (%rdi)
        movq    %r9, -8(%rdi,%rdx)
        ret
        .cfi_endproc
        .size   memcpy, . - memcpy

//   extern "C" void* memmove(void* to, const void* from, size_t size);
// Backwards, by words and then the first bytes, when `to` lies inside (from, from + size).
        .globl  memmove
        .type   memmove, @function
memmove:
        .cfi_startproc
        movq    %rdi, %rax
        movq    %rdi, %r8
        subq    %rsi, %r8
        cmpq    %rdx, %r8
        jae     .Lforward
        cmpq    $32, %rdx
        jbe     .Lforward               // all is read before anything is written
        movq    (%rsi), %r8
        leaq    -8(%rdi,%rdx), %rdi
        leaq    -8(%rsi,%rdx), %rsi
        movq    %rdx, %rcx
        shrq    $3, %rcx
        std
        rep movsq
        cld
        movq    %r8, (%rax)
        ret
        .cfi_endproc
        .size   memmove, . - memmove

//   extern "C" void* memset(void* to, int byte, size_t size);
//   rdi to, rax the byte eight times, then to; rdx size; rcx count, r8 to
        .globl  memset
        .type   memset, @function
memset:
        .cfi_startproc
        movzbl  %sil, %esi
        movabsq $0x0101010101010101, %rax
        imulq   %rsi, %rax
        movq    %rdi, %r8
        cmpq    $8, %rdx
        jb      .Lset_below_8
        movq    %rax, -8(%rdi,%rdx)
        movq    %rdx, %rcx
        shrq    $3, %rcx
        rep stosq
        movq    %r8, %rax
        ret
.Lset_below_8:
        cmpq    $4, %rdx
        jb      .Lset_below_4
        movl    %eax, (%rdi)
        movl    %eax, -4(%rdi,%rdx)
        movq    %r8, %rax
        ret
.Lset_below_4:
        testq   %rdx, %rdx
        jz      .Lset
        movb    %al, (%rdi)
        movb    %al, -1(%rdi,%rdx)
        shrq    $1, %rdx
        movb    %al, (%rdi,%rdx)
.Lset:
        movq    %r8, %rax
        ret
        .cfi_endproc
        .size   memset, . - memset

//   extern "C" int memcmp(const void* a, const void* b, size_t size);
//   rdi a, rsi b; rdx size, then what is left; rax, rcx data
        .globl  memcmp
        .type   memcmp, @function
memcmp:
        .cfi_startproc
.Lcompare_words:
        subq    $8, %rdx
        jb      .Lcompare_tail
        movq    (%rdi), %rax
        movq    (%rsi), %rcx
        addq    $8, %rdi
        addq    $8, %rsi
        cmpq    %rcx, %rax
        je      .Lcompare_words
        bswapq  %rax                    // the first byte that differs decides
        bswapq  %rcx
        cmpq    %rcx, %rax
        sbbl    %eax, %eax
        orl     $1, %eax
        ret
.Lcompare_tail:
        addq    $8, %rdx
.Lcompare_bytes:
        jz      .Lequal
        movzbl  (%rdi), %eax
        movzbl  (%rsi), %ecx
        incq    %rdi
        incq    %rsi
        subl    %ecx, %eax
        jne     .Lcompared
        decq    %rdx
        jmp     .Lcompare_bytes
.Lequal:
        xorl    %eax, %eax
.Lcompared:
        ret
        .cfi_endproc
        .size   memcmp, . - memcmp

        .section .note.GNU-stack, "", @progbits
