// The last steps to the kernel, position independent: copied into the trampoline page.
//
//   [[noreturn]] void trampoline(const Handoff* handoff);   // Microsoft x64 convention
//
// Called on the firmware's tables and stack with boot services gone, at the page's own physical
// address, which is below 4 GiB and which both the firmware's and the new tables map to itself.
//
//   rcx, rsi   handoff (physical)
//   r8         CR4 for the kernel, global pages still off
//   rax, rdx   scratch
//
// A change of the number of levels (CR4.LA57) needs paging off, which needs compatibility mode:
// Intel SDM volume 3, sections 4.1.1 (three paging control bits) and 10.8.5 (leaving IA-32e mode).
#include "handoff.h"

#define CR0_WRITE_PROTECT 16
#define CR0_PAGING 31
#define CR4_GLOBAL_PAGES 7
#define CR4_LA57 12
#define MSR_EFER 0xc0000080
#define EFER_NO_EXECUTE 11

  .section .text
  .globl trampoline_begin, trampoline_end, trampoline_long_mode
  .p2align 4
trampoline_begin:
  .code64
  cli
  cld
  movq %rcx, %rsi
  lgdt HANDOFF_GDT(%rsi)
  lidt HANDOFF_IDT(%rsi)                // empty: a fault from here on resets the machine
  leaq 1f(%rip), %rax
  pushq $SELECTOR_CODE64
  pushq %rax
  lretq
1:
  movl $SELECTOR_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs

  movl $MSR_EFER, %ecx
  rdmsr
  btsl $EFER_NO_EXECUTE, %eax
  wrmsr

  movq HANDOFF_CR4(%rsi), %r8
  movq %cr4, %rax
  btrq $CR4_GLOBAL_PAGES, %rax
  movq %rax, %cr4                       // drops global translations of the firmware
  xorq %r8, %rax
  btq $CR4_LA57, %rax
  jc 2f
  movq %r8, %cr4
  movq HANDOFF_ROOT(%rsi), %rax
  movq %rax, %cr3
  jmp trampoline_long_mode

2:
  leaq 3f(%rip), %rax
  pushq $SELECTOR_CODE32
  pushq %rax
  lretq
  .code32
3:
  movl %cr0, %eax
  btrl $CR0_PAGING, %eax
  movl %eax, %cr0                       // paging and long mode off
  movl HANDOFF_CR4(%esi), %eax
  movl %eax, %cr4
  movl HANDOFF_ROOT(%esi), %eax
  movl %eax, %cr3
  movl %cr0, %eax
  btsl $CR0_PAGING, %eax
  movl %eax, %cr0                       // EFER.LME is still set: long mode on
  ljmpl *HANDOFF_LONG_MODE(%esi)

  .code64
trampoline_long_mode:
  movl %esi, %esi                       // upper halves are undefined after the mode change
  movq %cr0, %rax
  btsq $CR0_WRITE_PROTECT, %rax
  movq %rax, %cr0
  movq %cr4, %rax
  btsq $CR4_GLOBAL_PAGES, %rax
  movq %rax, %cr4
  lgdt HANDOFF_GDT_HIGH(%rsi)           // the same descriptors through the direct map
  movq HANDOFF_STACK(%rsi), %rsp
  movq HANDOFF_INFO(%rsi), %rdi
  movq HANDOFF_ENTRY(%rsi), %rax
  xorl %ebp, %ebp
  pushq %rbp                            // no caller
  jmpq *%rax
trampoline_end:
