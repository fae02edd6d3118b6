// trap_entry.S: the 16 exception vectors: save the whole interrupted context, call C++, restore it.
//
// From EL1, SP is judged before anything is pushed: it must lie in the running stack with room
// for a frame and for the handler (trap_stack_room), or the frame is built on this CPU's
// emergency stack. SP_EL0 is the scratch register for that: the user's was saved at the entry
// from EL0. The condition flags are in SPSR_EL1 already. From EL0, SP_EL1 is the empty stack.
//
// Interrupts are masked from the entry to ERET. PAN is set by every entry (SCTLR_EL1.SPAN = 0),
// ERET restores the interrupted value, so an interrupted user-access window is restored exactly.
// Source: Arm ARM D1.3.1 (vector offsets), D1.4 (entry and return).

#include "asm_offsets.h"

  .text

// Registers after a prologue: sp = TrapFrame with x0, x1 saved; x0 = vector index.
  .macro SAVE_REST origin
  stp     x2, x3, [sp, #FRAME_X + 16]
  stp     x4, x5, [sp, #FRAME_X + 32]
  stp     x6, x7, [sp, #FRAME_X + 48]
  stp     x8, x9, [sp, #FRAME_X + 64]
  stp     x10, x11, [sp, #FRAME_X + 80]
  stp     x12, x13, [sp, #FRAME_X + 96]
  stp     x14, x15, [sp, #FRAME_X + 112]
  stp     x16, x17, [sp, #FRAME_X + 128]
  stp     x18, x19, [sp, #FRAME_X + 144]
  stp     x20, x21, [sp, #FRAME_X + 160]
  stp     x22, x23, [sp, #FRAME_X + 176]
  stp     x24, x25, [sp, #FRAME_X + 192]
  stp     x26, x27, [sp, #FRAME_X + 208]
  stp     x28, x29, [sp, #FRAME_X + 224]
  str     x30, [sp, #FRAME_X + 240]
  mrs     x2, elr_el1
  mrs     x3, spsr_el1
  mrs     x4, esr_el1
  mrs     x5, far_el1
  .ifc \origin, user
  mrs     x6, sp_el0
  str     x6, [sp, #FRAME_SP]
  stp     xzr, xzr, [sp, #FRAME_RECORD]
  .else
  stp     x29, x2, [sp, #FRAME_RECORD]
  .ifc \origin, kernel
  add     x6, sp, #FRAME_SIZE
  str     x6, [sp, #FRAME_SP]
  .endif
  .endif
  str     x2, [sp, #FRAME_ELR]
  str     x3, [sp, #FRAME_SPSR]
  str     x4, [sp, #FRAME_ESR]
  str     x5, [sp, #FRAME_FAR]
  str     x0, [sp, #FRAME_VECTOR]
  add     x29, sp, #FRAME_RECORD
  .endm

// Loads everything but the stack pointers from the frame at \base (sp or x0), x0 and x1 last.
// Everything is masked: an exception before ERET would overwrite ELR and SPSR.
  .macro RESTORE_REGISTERS base
  ldr     x2, [\base, #FRAME_ELR]
  ldr     x3, [\base, #FRAME_SPSR]
  msr     elr_el1, x2
  msr     spsr_el1, x3
  ldp     x2, x3, [\base, #FRAME_X + 16]
  ldp     x4, x5, [\base, #FRAME_X + 32]
  ldp     x6, x7, [\base, #FRAME_X + 48]
  ldp     x8, x9, [\base, #FRAME_X + 64]
  ldp     x10, x11, [\base, #FRAME_X + 80]
  ldp     x12, x13, [\base, #FRAME_X + 96]
  ldp     x14, x15, [\base, #FRAME_X + 112]
  ldp     x16, x17, [\base, #FRAME_X + 128]
  ldp     x18, x19, [\base, #FRAME_X + 144]
  ldp     x20, x21, [\base, #FRAME_X + 160]
  ldp     x22, x23, [\base, #FRAME_X + 176]
  ldp     x24, x25, [\base, #FRAME_X + 192]
  ldp     x26, x27, [\base, #FRAME_X + 208]
  ldp     x28, x29, [\base, #FRAME_X + 224]
  ldr     x30, [\base, #FRAME_X + 240]
  ldp     x0, x1, [\base, #FRAME_X]
  .endm

  .macro EXCEPTION_RETURN
  eret
  dsb     nsh                     // no speculation past the return
  isb
  .endm

  .macro USER_VECTOR index
  .balign 0x80
  sub     sp, sp, #FRAME_SIZE
  stp     x0, x1, [sp, #FRAME_X]
  mov     x0, #\index
  b       trap_entry_user
  .endm

  .macro KERNEL_VECTOR index
  .balign 0x80
  msr     sp_el0, x0
  mrs     x0, tpidr_el1
  ldr     x0, [x0, #PER_CPU_RUNNING_STACK_TOP]
  sub     x0, x0, #(KERNEL_STACK_SIZE - TRAP_STACK_ROOM) & 0xfff
  sub     x0, x0, #(KERNEL_STACK_SIZE - TRAP_STACK_ROOM) & ~0xfff
  sub     x0, sp, x0              // room left, negative in the guard
  tst     x0, #~(KERNEL_STACK_SIZE - 1)
  mrs     x0, sp_el0
  b.ne    stack_overflow_\index
  sub     sp, sp, #FRAME_SIZE
  stp     x0, x1, [sp, #FRAME_X]
  mov     x0, #\index
  b       trap_entry_kernel
  .endm

// SP is unusable: it is kept for the report, and the frame goes onto the emergency stack, which
// is the running stack from now on.
  .macro OVERFLOW_ENTRY index
stack_overflow_\index:
  msr     sp_el0, x0
  mrs     x0, tpidr_el1
  str     x1, [x0, #PER_CPU_OVERFLOW_SCRATCH]
  mov     x1, sp
  add     x0, x0, #PER_CPU_EMERGENCY_TOP & 0xfff
  add     x0, x0, #PER_CPU_EMERGENCY_TOP & ~0xfff
  sub     sp, x0, #FRAME_SIZE
  str     x1, [sp, #FRAME_SP]
  mov     x1, x0
  mrs     x0, tpidr_el1
  str     x1, [x0, #PER_CPU_RUNNING_STACK_TOP]
  ldr     x1, [x0, #PER_CPU_OVERFLOW_SCRATCH]
  mrs     x0, sp_el0
  stp     x0, x1, [sp, #FRAME_X]
  mov     x0, #\index
  b       trap_entry_overflow
  .endm

  .type   exception_vectors, %function
  .globl  exception_vectors
  .balign 0x800
exception_vectors:
  .cfi_startproc simple
  .cfi_undefined x30
  KERNEL_VECTOR 0                 // current EL, SP_EL0: never legal here, reported as such
  KERNEL_VECTOR 1
  KERNEL_VECTOR 2
  KERNEL_VECTOR 3
  KERNEL_VECTOR 4                 // current EL, SP_ELx: synchronous, IRQ, FIQ, SError
  KERNEL_VECTOR 5
  KERNEL_VECTOR 6
  KERNEL_VECTOR 7
  USER_VECTOR 8                   // lower EL, AArch64: the same four
  USER_VECTOR 9
  USER_VECTOR 10
  USER_VECTOR 11
  USER_VECTOR 12                  // lower EL, AArch32: never entered, reported as such
  USER_VECTOR 13
  USER_VECTOR 14
  USER_VECTOR 15
  .balign 0x80
  .cfi_endproc
  .size   exception_vectors, . - exception_vectors

// From here on: sp = TrapFrame with x0 and x1 saved (after an overflow also SP), x0 = vector.
// For a debugger the frame itself is the canonical frame address.
  .type   trap_entry_user, %function
trap_entry_user:
  .cfi_startproc simple
  .cfi_def_cfa sp, 0
  .cfi_undefined x30
  SAVE_REST user
  mov     x0, sp
  bl      cpu_trap_from_user      // void cpu_trap_from_user(TrapFrame*);
  msr     daifset, #0xf           // from here on the frame lies below SP
  mov     x0, sp
  add     sp, sp, #FRAME_SIZE
  b       trap_return_user
  .cfi_endproc
  .size   trap_entry_user, . - trap_entry_user

  .type   trap_entry_kernel, %function
trap_entry_kernel:
  .cfi_startproc simple
  .cfi_def_cfa sp, 0
  .cfi_offset x29, FRAME_RECORD
  .cfi_offset x30, FRAME_ELR
  SAVE_REST kernel
  mov     x0, sp
  bl      cpu_trap_from_kernel    // void cpu_trap_from_kernel(TrapFrame*);
  msr     daifset, #0xf
  RESTORE_REGISTERS sp
  add     sp, sp, #FRAME_SIZE
  EXCEPTION_RETURN
  .cfi_endproc
  .size   trap_entry_kernel, . - trap_entry_kernel

  .type   trap_entry_overflow, %function
trap_entry_overflow:
  .cfi_startproc simple
  .cfi_def_cfa sp, 0
  .cfi_offset x29, FRAME_RECORD
  .cfi_offset x30, FRAME_ELR
  SAVE_REST overflow
  mov     x0, sp
  bl      cpu_trap_stack_overflow // [[noreturn]] void cpu_trap_stack_overflow(TrapFrame*);
  brk     #0
  .cfi_endproc
  .size   trap_entry_overflow, . - trap_entry_overflow

  .type   stack_overflow_entries, %function
stack_overflow_entries:
  .cfi_startproc simple
  .cfi_undefined x30
  OVERFLOW_ENTRY 0
  OVERFLOW_ENTRY 1
  OVERFLOW_ENTRY 2
  OVERFLOW_ENTRY 3
  OVERFLOW_ENTRY 4
  OVERFLOW_ENTRY 5
  OVERFLOW_ENTRY 6
  OVERFLOW_ENTRY 7
  .cfi_endproc
  .size   stack_overflow_entries, . - stack_overflow_entries

// extern "C" [[noreturn]] void cpu_enter_user(const TrapFrame* frame);
//   x0  the user registers to load, anywhere in kernel memory, this stack included: SP only
//       moves away from it, and nothing is pushed
//   x1  scratch
  .type   cpu_enter_user, %function
  .globl  cpu_enter_user
cpu_enter_user:
  .cfi_startproc simple
  .cfi_undefined x30
  msr     daifset, #0xf           // the frame may lie below SP from here on
  mrs     x1, tpidr_el1
  ldr     x1, [x1, #PER_CPU_KERNEL_STACK_TOP]
  mov     sp, x1
trap_return_user:
  ldr     x1, [x0, #FRAME_SP]
  msr     sp_el0, x1
  RESTORE_REGISTERS x0
  EXCEPTION_RETURN
  .cfi_endproc
  .size   cpu_enter_user, . - cpu_enter_user

  .section .note.GNU-stack, "", %progbits
