// Strings in user memory, x86_64. Prototypes and contract: usercopy/primitives.h.
//
//   UsercopyValue usercopy_string_length(const void* from, size_t n);
//   UsercopyValue usercopy_string_copy(void* to, const void* from, size_t n);
//   UsercopyValue usercopy_zero_prefix(const void* from, size_t n);
//
// Eight bytes a step once `from` is aligned, so that no load crosses into a page that holds
// none of the string; single bytes before that and for the rest. The zero-byte test is the usual
// (x - 0x01..01) & ~x & 0x80..80: the lowest set bit marks the first zero byte.
//
// Registers: rsi from, rcx bytes left, rax bytes done, rdi to; r8 0x01..01, r9 0x80..80,
// rdx, r10, r11 scratch; rdx status. No stack.

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

.macro ZERO_BYTE_CONSTANTS
  movabsq $0x0101010101010101, %r8
  movabsq $0x8080808080808080, %r9
.endm

// r10: a word; leaves the zero-byte marks in r11 and the flags.
.macro MARK_ZERO_BYTES
  movq %r10, %r11
  subq %r8, %r11
  notq %r10
  andq %r10, %r11
  notq %r10
  andq %r9, %r11
.endm


.macro FAULT_VALUE
  WINDOW_CLOSE
  xorl %eax, %eax
  movl $1, %edx                   // usercopy_faulted
  ret
.endm

FUNCTION usercopy_string_length
  movq %rsi, %rcx
  movq %rdi, %rsi
  xorl %eax, %eax
  ZERO_BYTE_CONSTANTS
  WINDOW_OPEN
.Llength_byte:
.Llength_load1: cmpb $0, (%rsi, %rax)
  je .Llength_done
  addq $1, %rax
  subq $1, %rcx
  jz .Llength_done
  leaq (%rsi, %rax), %rdx
  testl $7, %edx
  jnz .Llength_byte
.Llength_word:
  cmpq $8, %rcx
  jb .Llength_byte
.Llength_load8: movq (%rsi, %rax), %r10
  MARK_ZERO_BYTES
  jnz .Llength_found
  addq $8, %rax
  subq $8, %rcx
  jnz .Llength_word
.Llength_done:
  WINDOW_CLOSE
  xorl %edx, %edx
  ret
.Llength_found:
  bsfq %r11, %r11
  shrl $3, %r11d
  addq %r11, %rax
  jmp .Llength_done
.Llength_fault:
  FAULT_VALUE
  EXCEPTION .Llength_load1, .Llength_fault, USERCOPY_READS
  EXCEPTION .Llength_load8, .Llength_fault, USERCOPY_READS
END usercopy_string_length

FUNCTION usercopy_string_copy
  movq %rdx, %rcx
  xorl %eax, %eax
  ZERO_BYTE_CONSTANTS
  WINDOW_OPEN
.Lcopy_byte:
.Lcopy_load1: movzbl (%rsi, %rax), %r10d
  movb %r10b, (%rdi, %rax)
  testl %r10d, %r10d
  jz .Lcopy_done
  addq $1, %rax
  subq $1, %rcx
  jz .Lcopy_done
  leaq (%rsi, %rax), %rdx
  testl $7, %edx
  jnz .Lcopy_byte
.Lcopy_word:
  cmpq $8, %rcx
  jb .Lcopy_byte
.Lcopy_load8: movq (%rsi, %rax), %r10
  MARK_ZERO_BYTES
  jnz .Lcopy_found
  movq %r10, (%rdi, %rax)
  addq $8, %rax
  subq $8, %rcx
  jnz .Lcopy_word
.Lcopy_done:
  WINDOW_CLOSE
  xorl %edx, %edx
  ret
.Lcopy_found:                     // r10: the word with the terminator; store it byte for byte
  movb %r10b, (%rdi, %rax)
  testb %r10b, %r10b
  jz .Lcopy_done
  shrq $8, %r10
  addq $1, %rax
  jmp .Lcopy_found
.Lcopy_fault:
  FAULT_VALUE
  EXCEPTION .Lcopy_load1, .Lcopy_fault, USERCOPY_READS
  EXCEPTION .Lcopy_load8, .Lcopy_fault, USERCOPY_READS
END usercopy_string_copy

FUNCTION usercopy_zero_prefix
  movq %rsi, %rcx
  movq %rdi, %rsi
  xorl %eax, %eax
  WINDOW_OPEN
.Lzero_byte:
.Lzero_load1: cmpb $0, (%rsi, %rax)
  jne .Lzero_done
  addq $1, %rax
  subq $1, %rcx
  jz .Lzero_done
  leaq (%rsi, %rax), %rdx
  testl $7, %edx
  jnz .Lzero_byte
.Lzero_word:
  cmpq $8, %rcx
  jb .Lzero_byte
.Lzero_load8: cmpq $0, (%rsi, %rax)
  jne .Lzero_byte                 // the byte loop finds which; it stops within eight
  addq $8, %rax
  subq $8, %rcx
  jnz .Lzero_word
.Lzero_done:
  WINDOW_CLOSE
  xorl %edx, %edx
  ret
.Lzero_fault:
  FAULT_VALUE
  EXCEPTION .Lzero_load1, .Lzero_fault, USERCOPY_READS
  EXCEPTION .Lzero_load8, .Lzero_fault, USERCOPY_READS
END usercopy_zero_prefix

  .section .note.GNU-stack, "", %progbits
