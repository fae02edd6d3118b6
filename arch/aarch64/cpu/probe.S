// probe.S: the accesses of probe.h; each faulting instruction has its line in kernel_fixups.
//
// Source: ARM-ARM C6.2 (LDRB, STRB, BLR).

  .macro FIXUP fault, resume
  .pushsection kernel_fixups, "a", %progbits
  .balign 8
  .quad   \fault, \resume
  .popsection
  .endm

  .text

// extern "C" bool cpu_probe_read(uint64_t address);
//   x0  address, then the answer
  .type   cpu_probe_read, %function
  .globl  cpu_probe_read
cpu_probe_read:
  .cfi_startproc
1:
  ldrb    w1, [x0]
  mov     w0, #1
  ret
2:
  mov     w0, #0
  ret
  FIXUP   1b, 2b
  .cfi_endproc
  .size   cpu_probe_read, . - cpu_probe_read

// extern "C" bool cpu_probe_write(uint64_t address);
//   x0  address, then the answer
//   x1  the byte
  .type   cpu_probe_write, %function
  .globl  cpu_probe_write
cpu_probe_write:
  .cfi_startproc
1:
  ldrb    w1, [x0]
2:
  strb    w1, [x0]
  mov     w0, #1
  ret
3:
  mov     w0, #0
  ret
  FIXUP   1b, 3b
  FIXUP   2b, 3b
  .cfi_endproc
  .size   cpu_probe_write, . - cpu_probe_write

// extern "C" bool cpu_probe_execute(uint64_t address);
//   x0  address, then the answer
  .type   cpu_probe_execute, %function
  .globl  cpu_probe_execute
cpu_probe_execute:
  .cfi_startproc
  stp     x29, x30, [sp, #-16]!
  .cfi_def_cfa_offset 16
  .cfi_offset x29, -16
  .cfi_offset x30, -8
  mov     x29, sp
  blr     x0
  mov     w0, #1
  b       1f
  .globl  cpu_probe_execute_resume
cpu_probe_execute_resume:
  mov     w0, #0
1:
  ldp     x29, x30, [sp], #16
  .cfi_def_cfa_offset 0
  .cfi_restore x29
  .cfi_restore x30
  ret
  .cfi_endproc
  .size   cpu_probe_execute, . - cpu_probe_execute

// extern "C" uint64_t cpu_copy_bytes(void* to, const void* from, uint64_t size);
// Eight bytes a step; a step that faults is repeated byte by byte, so that the count is exact.
//   x0  to, then the answer
//   x1  from
//   x2  bytes left
//   x3  bytes left after the step; x4 data
  .type   cpu_copy_bytes, %function
  .globl  cpu_copy_bytes
cpu_copy_bytes:
  .cfi_startproc
1:
  subs    x3, x2, #8
  b.lo    4f
2:
  ldr     x4, [x1]
3:
  str     x4, [x0]
  add     x1, x1, #8
  add     x0, x0, #8
  mov     x2, x3
  b       1b
4:
  cbz     x2, 7f
5:
  ldrb    w4, [x1]
6:
  strb    w4, [x0]
  add     x1, x1, #1
  add     x0, x0, #1
  sub     x2, x2, #1
  b       4b
7:
  mov     x0, x2
  ret
  FIXUP   2b, 4b
  FIXUP   3b, 4b
  FIXUP   5b, 7b
  FIXUP   6b, 7b
  .cfi_endproc
  .size   cpu_copy_bytes, . - cpu_copy_bytes

  .section .note.GNU-stack, "", %progbits
