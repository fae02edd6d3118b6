// Registers over a fault that a handler mends.
//
//   register | registers_kept            | vectors_kept
//   rdi      | in: address that faults   | in: address that faults
//   rsi      | checked                   | in: 256 bytes for xmm0 to xmm15
//   rdx      | checked                   | in: room for the 256 bytes afterwards
//   rax      | checked; out: 1 kept      | untouched
//   others   | checked but rsp           | xmm0 to xmm15 changed

  .text

// extern "C" int registers_kept(const char* address);
  .globl registers_kept
  .type registers_kept, @function
registers_kept:
  .cfi_startproc
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  movq $0x101, %rax
  movq $0x102, %rbx
  movq $0x103, %rcx
  movq $0x104, %rdx
  movq $0x105, %rsi
  movq $0x106, %rbp
  movq $0x108, %r8
  movq $0x109, %r9
  movq $0x10a, %r10
  movq $0x10b, %r11
  movq $0x10c, %r12
  movq $0x10d, %r13
  movq $0x10e, %r14
  movq $0x10f, %r15
  cmpb $0, (%rdi)
  subq $0x101, %rax
  subq $0x102, %rbx
  subq $0x103, %rcx
  subq $0x104, %rdx
  subq $0x105, %rsi
  subq $0x106, %rbp
  subq $0x108, %r8
  subq $0x109, %r9
  subq $0x10a, %r10
  subq $0x10b, %r11
  subq $0x10c, %r12
  subq $0x10d, %r13
  subq $0x10e, %r14
  subq $0x10f, %r15
  orq %rbx, %rax
  orq %rcx, %rax
  orq %rdx, %rax
  orq %rsi, %rax
  orq %rbp, %rax
  orq %r8, %rax
  orq %r9, %rax
  orq %r10, %rax
  orq %r11, %rax
  orq %r12, %rax
  orq %r13, %rax
  orq %r14, %rax
  orq %r15, %rax
  sete %al
  movzbl %al, %eax
  popq %r15
  .cfi_adjust_cfa_offset -8
  popq %r14
  .cfi_adjust_cfa_offset -8
  popq %r13
  .cfi_adjust_cfa_offset -8
  popq %r12
  .cfi_adjust_cfa_offset -8
  popq %rbp
  .cfi_adjust_cfa_offset -8
  popq %rbx
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
  .size registers_kept, . - registers_kept

// extern "C" void vectors_kept(const char* address, const unsigned char* pattern, unsigned char* out);
  .globl vectors_kept
  .type vectors_kept, @function
vectors_kept:
  .cfi_startproc
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  movups 16 * \register(%rsi), %xmm\register
  .endr
  cmpb $0, (%rdi)
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  movups %xmm\register, 16 * \register(%rdx)
  .endr
  ret
  .cfi_endproc
  .size vectors_kept, . - vectors_kept

// extern "C" void vectors_clear(void);
  .globl vectors_clear
  .type vectors_clear, @function
vectors_clear:
  .cfi_startproc
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  xorps %xmm\register, %xmm\register
  .endr
  ret
  .cfi_endproc
  .size vectors_clear, . - vectors_clear

// extern "C" void return_from_nowhere(void* stack): rt_sigreturn with that stack.
  .globl return_from_nowhere
  .type return_from_nowhere, @function
return_from_nowhere:
  .cfi_startproc
  movq %rdi, %rsp
  movl $15, %eax
  syscall
  ud2
  .cfi_endproc
  .size return_from_nowhere, . - return_from_nowhere

  .section .note.GNU-stack, "", @progbits
