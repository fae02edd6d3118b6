// memory.S: memcpy, memmove, memset, memcmp, which compilers call on their own.
//
// General registers only, in steps of 64, 8 and 1 bytes; unaligned accesses are allowed by
// SCTLR_EL1.A = 0, so these must not be used on device memory.
// Source: Arm ARM C6.2.94 (DC ZVA), D19.2.39 (DCZID_EL0).

  .text

// extern "C" void* memmove(void* to, const void* from, size_t size);
// Backwards when `to` lies inside (from, from + size), else as memcpy.
//   x0  to, returned
//   x1  from
//   x2  size left
//   x3  write cursor; x4 to x11 data
  .type   memmove, %function
  .globl  memmove
memmove:
  .cfi_startproc
  sub     x3, x0, x1
  cmp     x3, x2
  b.hs    memcpy
  add     x3, x0, x2
  add     x1, x1, x2
1:
  subs    x2, x2, #64
  b.lo    2f
  ldp     x4, x5, [x1, #-16]
  ldp     x6, x7, [x1, #-32]
  ldp     x8, x9, [x1, #-48]
  ldp     x10, x11, [x1, #-64]!
  stp     x4, x5, [x3, #-16]
  stp     x6, x7, [x3, #-32]
  stp     x8, x9, [x3, #-48]
  stp     x10, x11, [x3, #-64]!
  b       1b
2:
  add     x2, x2, #64
3:
  subs    x2, x2, #8
  b.lo    4f
  ldr     x4, [x1, #-8]!
  str     x4, [x3, #-8]!
  b       3b
4:
  add     x2, x2, #8
5:
  subs    x2, x2, #1
  b.lo    6f
  ldrb    w4, [x1, #-1]!
  strb    w4, [x3, #-1]!
  b       5b
6:
  ret
  .cfi_endproc
  .size   memmove, . - memmove

// extern "C" void* memcpy(void* to, const void* from, size_t size);
//   x0  to, returned
//   x1  from
//   x2  size left
//   x3  write cursor; x4 to x11 data
  .type   memcpy, %function
  .globl  memcpy
memcpy:
  .cfi_startproc
  mov     x3, x0
1:
  subs    x2, x2, #64
  b.lo    2f
  ldp     x4, x5, [x1]
  ldp     x6, x7, [x1, #16]
  ldp     x8, x9, [x1, #32]
  ldp     x10, x11, [x1, #48]
  add     x1, x1, #64
  stp     x4, x5, [x3]
  stp     x6, x7, [x3, #16]
  stp     x8, x9, [x3, #32]
  stp     x10, x11, [x3, #48]
  add     x3, x3, #64
  b       1b
2:
  add     x2, x2, #64
3:
  subs    x2, x2, #8
  b.lo    4f
  ldr     x4, [x1], #8
  str     x4, [x3], #8
  b       3b
4:
  add     x2, x2, #8
5:
  subs    x2, x2, #1
  b.lo    6f
  ldrb    w4, [x1], #1
  strb    w4, [x3], #1
  b       5b
6:
  ret
  .cfi_endproc
  .size   memcpy, . - memcpy

// extern "C" void* memset(void* to, int byte, size_t size);
// Zeroes whole blocks with DC ZVA where it is allowed.
//   x0  to, returned
//   x1  the byte, then eight of it
//   x2  size left
//   x3  write cursor
//   x4  size of a ZVA block; x5 scratch
  .type   memset, %function
  .globl  memset
memset:
  .cfi_startproc
  mov     x3, x0
  and     x1, x1, #0xff
  mov     x4, #0x0101010101010101
  mul     x1, x1, x4
  cbnz    x1, 4f
  mrs     x5, dczid_el0
  tbnz    x5, #4, 4f              // DC ZVA prohibited
  mov     x4, #4
  lsl     x4, x4, x5              // BS: log2 of the block's words
  cmp     x2, x4, lsl #1
  b.lo    4f
  sub     x5, x4, #1
1:                                // to the first block
  tst     x3, x5
  b.eq    2f
  strb    wzr, [x3], #1
  sub     x2, x2, #1
  b       1b
2:
  subs    x2, x2, x4
  b.lo    3f
  dc      zva, x3
  add     x3, x3, x4
  b       2b
3:
  add     x2, x2, x4
4:
  subs    x2, x2, #64
  b.lo    5f
  stp     x1, x1, [x3]
  stp     x1, x1, [x3, #16]
  stp     x1, x1, [x3, #32]
  stp     x1, x1, [x3, #48]
  add     x3, x3, #64
  b       4b
5:
  add     x2, x2, #64
6:
  subs    x2, x2, #8
  b.lo    7f
  str     x1, [x3], #8
  b       6b
7:
  add     x2, x2, #8
8:
  subs    x2, x2, #1
  b.lo    9f
  strb    w1, [x3], #1
  b       8b
9:
  ret
  .cfi_endproc
  .size   memset, . - memset

// extern "C" int memcmp(const void* a, const void* b, size_t size);
//   x0  a, then the answer
//   x1  b
//   x2  size left; x3, x4 data
  .type   memcmp, %function
  .globl  memcmp
memcmp:
  .cfi_startproc
1:
  subs    x2, x2, #8
  b.lo    2f
  ldr     x3, [x0]
  ldr     x4, [x1]
  cmp     x3, x4
  b.ne    5f
  add     x0, x0, #8
  add     x1, x1, #8
  b       1b
2:
  add     x2, x2, #8
3:
  subs    x2, x2, #1
  b.lo    4f
  ldrb    w3, [x0], #1
  ldrb    w4, [x1], #1
  subs    w3, w3, w4
  b.eq    3b
  mov     w0, w3
  ret
4:
  mov     w0, #0
  ret
5:                                // the first byte in memory decides: compare big-endian
  rev     x3, x3
  rev     x4, x4
  cmp     x3, x4
  mov     w0, #1
  cneg    w0, w0, lo
  ret
  .cfi_endproc
  .size   memcmp, . - memcmp

  .section .note.GNU-stack, "", %progbits
