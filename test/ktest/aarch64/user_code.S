// user_code.S: machine code for test/ktest/user_code.h, aarch64. User mode, no stack use but where
// said; system call numbers are Linux's.

  .set    SYS_EXIT_GROUP, 94

  .macro CODE name
  .balign 4
  .globl  ktest_\name\()_start
ktest_\name\()_start:
  .endm
  .macro END name
  .globl  ktest_\name\()_end
ktest_\name\()_end:
  .endm
  .macro EXIT status
  mov     x0, #\status
  mov     x8, #SYS_EXIT_GROUP
  svc     #0
  .endm

  .section .rodata.ktest, "a", %progbits
CODE return
  ret
END return

CODE exit_7
  EXIT    7
END exit_7

CODE read_tables
  mrs     x0, vbar_el1
  EXIT    0
END read_tables

CODE privileged
  msr     daifset, #2
  EXIT    0
END privileged

CODE illegal
  udf     #0
  EXIT    0
END illegal

CODE write_null
  mov     x0, #8
  strb    w0, [x0]
  EXIT    0
END write_null

CODE read_kernel
  mov     x0, #-8192
  ldrb    w0, [x0]
  EXIT    0
END read_kernel

CODE jump_kernel
  mov     x0, #-8192
  br      x0
END jump_kernel

CODE write_text
  adr     x0, .
  strb    wzr, [x0]
  EXIT    0
END write_text

CODE run_stack
  mov     x0, sp
  sub     x0, x0, #16
  mov     w1, #0x03c0
  movk    w1, #0xd65f, lsl #16    // ret
  str     w1, [x0]
  br      x0
END run_stack

CODE grow_stack
  mov     x1, #256
  mov     x0, sp
1:
  sub     x0, x0, #4096
  strb    w1, [x0]
  subs    x1, x1, #1
  b.ne    1b
  EXIT    0
END grow_stack

  .arch_extension simd

// The condition flags: user mode has no others.
CODE keep_flags
  mov     x9, #0xf0000000
  msr     nzcv, x9
  mov     x8, #172                // getpid
  svc     #0
  sub     x10, sp, #0x10000
  strb    wzr, [x10]              // a page fault
  mov     x1, #(1 << 23)          // time for a tick
1:
  sub     x1, x1, #1
  cbnz    x1, 1b
  mrs     x0, nzcv
  cmp     x0, x9
  b.ne    2f
  EXIT    0
2:
  EXIT    1
END keep_flags

CODE fill_vectors
  .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  mov     x0, #(\i + 1)
  dup     v\i\().2d, x0
  .endr
  EXIT    0
END fill_vectors

CODE look_at_vectors
  mov     x1, #0
  .irp    i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  umov    x0, v\i\().d[0]
  orr     x1, x1, x0
  umov    x0, v\i\().d[1]
  orr     x1, x1, x0
  .endr
  cbnz    x1, 1f
  EXIT    0
1:
  EXIT    1
END look_at_vectors

CODE loop
  mov     x1, #(1 << 26)
1:
  subs    x1, x1, #1
  b.ne    1b
  EXIT    0
END loop

  .section .note.GNU-stack, "", %progbits
