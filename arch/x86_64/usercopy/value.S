// Single loads, stores and atomics on user memory, x86_64. Prototypes and contract:
// usercopy/primitives.h.
//
//   UsercopyValue usercopy_load_4(const void* from);
//   uint64_t usercopy_store_4(void* to, uint64_t value);
//   UsercopyValue usercopy_compare_exchange_4(void* at, uint64_t expected, uint64_t desired);
//   UsercopyValue usercopy_fetch_or_4(void* at, uint64_t value);          and their siblings
//
// Registers: rdi address, rsi, rdx operands; rax value, rdx status. Clobbers rcx, r8, flags; no
// stack. Locked instructions: Intel SDM vol. 3A section 9.1.2.

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

// Ends a value-returning primitive; the fixup of `at` enters at the second half.
.macro VALUE at, kind
  WINDOW_CLOSE
  xorl %edx, %edx
  ret
.Lfault\@:
  WINDOW_CLOSE
  xorl %eax, %eax
  movl $1, %edx                   // usercopy_faulted
  ret
  EXCEPTION \at, .Lfault\@, \kind
.endm

.macro LOAD name, instruction, to
FUNCTION \name
  WINDOW_OPEN
.Lat\@: \instruction (%rdi), \to
  VALUE .Lat\@, USERCOPY_READS
END \name
.endm

LOAD usercopy_load_1, movzbl, %eax
LOAD usercopy_load_2, movzwl, %eax
LOAD usercopy_load_4, movl, %eax
LOAD usercopy_load_8, movq, %rax

.macro STORE name, from
FUNCTION \name
  WINDOW_OPEN
.Lat\@: mov \from, (%rdi)
  WINDOW_CLOSE
  xorl %eax, %eax
  ret
.Lfault\@:
  WINDOW_CLOSE
  movl $1, %eax
  ret
  EXCEPTION .Lat\@, .Lfault\@, USERCOPY_WRITES
END \name
.endm

STORE usercopy_store_1, %sil
STORE usercopy_store_2, %si
STORE usercopy_store_4, %esi
STORE usercopy_store_8, %rsi

.macro COMPARE_EXCHANGE name, desired
FUNCTION \name
  movq %rsi, %rax
  WINDOW_OPEN
.Lat\@: lock cmpxchg \desired, (%rdi)
  VALUE .Lat\@, USERCOPY_BOTH
END \name
.endm

// The 4-byte forms zero-extend what they return: cmpxchg leaves rax's upper half alone when it
// succeeds.
.macro COMPARE_EXCHANGE_4 name
FUNCTION \name
  movl %esi, %eax
  WINDOW_OPEN
.Lat\@: lock cmpxchg %edx, (%rdi)
  movl %eax, %eax
  VALUE .Lat\@, USERCOPY_BOTH
END \name
.endm

COMPARE_EXCHANGE_4 usercopy_compare_exchange_4
COMPARE_EXCHANGE usercopy_compare_exchange_8, %rdx

.macro SWAP name, instruction, operand, result
FUNCTION \name
  WINDOW_OPEN
.Lat\@: \instruction \operand, (%rdi)
  mov \operand, \result
  VALUE .Lat\@, USERCOPY_BOTH
END \name
.endm

SWAP usercopy_exchange_4, xchg, %esi, %eax
SWAP usercopy_exchange_8, xchg, %rsi, %rax
SWAP usercopy_fetch_add_4, "lock xadd", %esi, %eax
SWAP usercopy_fetch_add_8, "lock xadd", %rsi, %rax

// No single instruction returns the old value: load, compute, compare-and-exchange, at most 128
// times against a racing user.
.macro FETCH name, operation, operand, value, desired
FUNCTION \name
  movl $128, %ecx
  WINDOW_OPEN
.Lload\@: mov (%rdi), \value
.Ltry\@:
  mov \value, \desired
  \operation \operand, \desired
.Lat\@: lock cmpxchg \desired, (%rdi)
  jz .Ldone\@
  subl $1, %ecx
  jnz .Ltry\@
  WINDOW_CLOSE
  xorl %eax, %eax
  movl $2, %edx                   // usercopy_contended
  ret
.Ldone\@:
  EXCEPTION .Lload\@, .Lfault\@, USERCOPY_READS
  WINDOW_CLOSE
  xorl %edx, %edx
  ret
.Lfault\@:
  WINDOW_CLOSE
  xorl %eax, %eax
  movl $1, %edx                   // usercopy_faulted
  ret
  EXCEPTION .Lat\@, .Lfault\@, USERCOPY_BOTH
END \name
.endm

FETCH usercopy_fetch_or_4, or, %esi, %eax, %r8d
FETCH usercopy_fetch_or_8, or, %rsi, %rax, %r8
FETCH usercopy_fetch_and_4, and, %esi, %eax, %r8d
FETCH usercopy_fetch_and_8, and, %rsi, %rax, %r8
FETCH usercopy_fetch_xor_4, xor, %esi, %eax, %r8d
FETCH usercopy_fetch_xor_8, xor, %rsi, %rax, %r8

  .section .note.GNU-stack, "", %progbits
