// long vectors_hold(unsigned long seed, unsigned long rounds);
//   x0  seed, then results of system calls, then the answer
//   x1  rounds left
//   x2  scratch; x3 busy loop; x8 system call number; x9 seed
  .set    system_call_getpid, 172
  .set    busy_loop, 20000

  .text
  .globl  vectors_hold
  .type   vectors_hold, %function
vectors_hold:
  .cfi_startproc
  stp     d8, d9, [sp, #-64]!
  .cfi_def_cfa_offset 64
  stp     d10, d11, [sp, #16]
  stp     d12, d13, [sp, #32]
  stp     d14, d15, [sp, #48]
  mov     x9, x0
  .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  add     x2, x9, #\i
  dup     v\i\().2d, x2
  .endr
1:
  cbz     x1, 3f
  sub     x1, x1, #1
  mov     x8, #system_call_getpid
  svc     #0
  mov     x3, #busy_loop
2:
  subs    x3, x3, #1
  b.ne    2b
  b       1b
3:
  .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  mov     x0, #\i
  add     x3, x9, #\i
  umov    x2, v\i\().d[0]
  cmp     x2, x3
  b.ne    4f
  umov    x2, v\i\().d[1]
  cmp     x2, x3
  b.ne    4f
  .endr
  mov     x0, #-1
4:
  ldp     d10, d11, [sp, #16]
  ldp     d12, d13, [sp, #32]
  ldp     d14, d15, [sp, #48]
  ldp     d8, d9, [sp], #64
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size   vectors_hold, . - vectors_hold
  .section .note.GNU-stack, "", %progbits
