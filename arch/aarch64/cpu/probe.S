// probe.S: the accesses of probe.h; each faulting instruction has its line in kernel_fixups.
//
// Source: Arm ARM C6.2 (LDRB, STRB, BLR).

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

  .section .note.GNU-stack, "", %progbits
