// Registers over a fault that a handler mends.
//
//   register | registers_kept            | vectors_kept
//   x0       | in: address that faults;  | in: address that faults
//            | out: 1 kept               |
//   x1       | checked                   | in: 512 bytes for v0 to v31
//   x2       | checked                   | in: room for the 512 bytes afterwards
//   others   | checked but x18, sp       | v0 to v31 changed

  .text

// extern "C" int registers_kept(const char* address);
  .globl registers_kept
  .type registers_kept, %function
registers_kept:
  .cfi_startproc
  stp x29, x30, [sp, #-96]!
  .cfi_def_cfa_offset 96
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  .irp register, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
  mov x\register, #(0x100 + \register)
  .endr
  ldrb w0, [x0]
  mov x0, #0
  .irp register, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
  sub x\register, x\register, #(0x100 + \register)
  orr x0, x0, x\register
  .endr
  cmp x0, #0
  cset w0, eq
  ldp x27, x28, [sp, #80]
  ldp x25, x26, [sp, #64]
  ldp x23, x24, [sp, #48]
  ldp x21, x22, [sp, #32]
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #96
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size registers_kept, . - registers_kept

// extern "C" void vectors_kept(const char* address, const unsigned char* pattern, unsigned char* out);
  .globl vectors_kept
  .type vectors_kept, %function
vectors_kept:
  .cfi_startproc
  stp d8, d9, [sp, #-64]!
  .cfi_def_cfa_offset 64
  stp d10, d11, [sp, #16]
  stp d12, d13, [sp, #32]
  stp d14, d15, [sp, #48]
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  ldr q\register, [x1, #(16 * \register)]
  .endr
  ldrb w0, [x0]
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  str q\register, [x2, #(16 * \register)]
  .endr
  ldp d14, d15, [sp, #48]
  ldp d12, d13, [sp, #32]
  ldp d10, d11, [sp, #16]
  ldp d8, d9, [sp], #64
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size vectors_kept, . - vectors_kept

// extern "C" void vectors_clear(void): also those that a function must keep, which a handler may do
// because the kernel gives them back.
  .globl vectors_clear
  .type vectors_clear, %function
vectors_clear:
  .cfi_startproc
  .irp register, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  movi v\register\().2d, #0
  .endr
  ret
  .cfi_endproc
  .size vectors_clear, . - vectors_clear

// extern "C" void return_from_nowhere(void* stack): rt_sigreturn with that stack.
  .globl return_from_nowhere
  .type return_from_nowhere, %function
return_from_nowhere:
  .cfi_startproc
  mov sp, x0
  mov x8, #139
  svc #0
  udf #0
  .cfi_endproc
  .size return_from_nowhere, . - return_from_nowhere

  .section .note.GNU-stack, "", %progbits
