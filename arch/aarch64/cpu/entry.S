// entry.S: where the loader jumps to on the boot CPU.
//
// State: EL1, translation on with the loader's tables, interrupts masked, the loader's stack.
// See boot/boot_info.h.

#include "asm_offsets.h"

  .section .text.entry, "ax", %progbits

// extern "C" [[noreturn]] void kernel_entry(const boot::BootInfo* boot_info);
//   x0  handed on to kernel_main()
  .type   kernel_entry, %function
  .globl  kernel_entry
kernel_entry:
  .cfi_startproc
  .cfi_undefined x30
  msr     daifset, #0xf
  msr     spsel, #1
  adrp    x1, boot_stack_end
  add     x1, x1, :lo12:boot_stack_end
  mov     sp, x1
  mov     x29, xzr
  mov     x30, xzr
  bl      kernel_main_entry       // [[noreturn]] void kernel_main_entry(const void* boot_info);
  brk     #0
  .cfi_endproc
  .size   kernel_entry, . - kernel_entry

  .section .bss.boot_stack, "aw", %nobits
  .balign 4096
  .globl  boot_stack_start
  .globl  boot_stack_end
boot_stack_start:
  .skip   KERNEL_STACK_SIZE
  .size   boot_stack_start, . - boot_stack_start
boot_stack_end:

  .section .note.GNU-stack, "", %progbits
