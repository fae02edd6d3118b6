// Single loads, stores and atomics on user memory, aarch64. Prototypes and contract:
// usercopy/primitives.h.
//
//   UsercopyValue usercopy_load_4(const void* from);
//   uint64_t usercopy_store_4(void* to, uint64_t value);
//   UsercopyValue usercopy_compare_exchange_4(void* at, uint64_t expected, uint64_t desired);
//   UsercopyValue usercopy_fetch_or_4(void* at, uint64_t value);          and their siblings
//
// Registers: x0 address, x1, x2 operands; x0 value, x1 status. Clobbers x3-x6, flags; no stack.
// Exclusives have no unprivileged form, so atomics open the PAN window (Arm ARM B2.12; the loop
// holds nothing but register operations between load and store).

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

.macro LOAD name, instruction, to
FUNCTION \name
.Lat\@: \instruction \to, [x0]
  mov x1, #0
  ret
.Lfault\@:
  mov x0, #0
  mov x1, #1                      // usercopy_faulted
  ret
  EXCEPTION .Lat\@, .Lfault\@, USERCOPY_READS
END \name
.endm

LOAD usercopy_load_1, ldtrb, w0
LOAD usercopy_load_2, ldtrh, w0
LOAD usercopy_load_4, ldtr, w0
LOAD usercopy_load_8, ldtr, x0

.macro STORE name, instruction, from
FUNCTION \name
.Lat\@: \instruction \from, [x0]
  mov x0, #0
  ret
.Lfault\@:
  mov x0, #1
  ret
  EXCEPTION .Lat\@, .Lfault\@, USERCOPY_WRITES
END \name
.endm

STORE usercopy_store_1, sttrb, w1
STORE usercopy_store_2, sttrh, w1
STORE usercopy_store_4, sttr, w1
STORE usercopy_store_8, sttr, x1

.macro COMPARE_EXCHANGE name, old, expected, desired
FUNCTION \name
  mov w5, #128
  WINDOW_OPEN
.Ltry\@:
.Lload\@: ldaxr \old, [x0]
  cmp \old, \expected
  b.ne .Ldone\@
.Lstore\@: stlxr w4, \desired, [x0]
  cbz w4, .Ldone\@
  subs w5, w5, #1
  b.ne .Ltry\@
  WINDOW_CLOSE
  mov x0, #0
  mov x1, #2                      // usercopy_contended
  ret
.Ldone\@:
  WINDOW_CLOSE
  clrex
  mov x0, x3
  mov x1, #0
  ret
.Lfault\@:
  WINDOW_CLOSE
  mov x0, #0
  mov x1, #1                      // usercopy_faulted
  ret
  EXCEPTION .Lload\@, .Lfault\@, USERCOPY_BOTH
  EXCEPTION .Lstore\@, .Lfault\@, USERCOPY_BOTH
END \name
.endm

COMPARE_EXCHANGE usercopy_compare_exchange_4, w3, w1, w2
COMPARE_EXCHANGE usercopy_compare_exchange_8, x3, x1, x2

.macro FETCH name, operation, old, operand, desired
FUNCTION \name
  mov w5, #128
  WINDOW_OPEN
.Ltry\@:
.Lload\@: ldaxr \old, [x0]
  \operation \desired, \old, \operand
.Lstore\@: stlxr w4, \desired, [x0]
  cbz w4, .Ldone\@
  subs w5, w5, #1
  b.ne .Ltry\@
  WINDOW_CLOSE
  mov x0, #0
  mov x1, #2                      // usercopy_contended
  ret
.Ldone\@:
  WINDOW_CLOSE
  mov x0, x3
  mov x1, #0
  ret
.Lfault\@:
  WINDOW_CLOSE
  mov x0, #0
  mov x1, #1                      // usercopy_faulted
  ret
  EXCEPTION .Lload\@, .Lfault\@, USERCOPY_BOTH
  EXCEPTION .Lstore\@, .Lfault\@, USERCOPY_BOTH
END \name
.endm

// Exchange as an operation: its result is the operand.
.macro second result, old, operand
  mov \result, \operand
.endm

FETCH usercopy_exchange_4, second, w3, w1, w6
FETCH usercopy_exchange_8, second, x3, x1, x6
FETCH usercopy_fetch_add_4, add, w3, w1, w6
FETCH usercopy_fetch_add_8, add, x3, x1, x6
FETCH usercopy_fetch_or_4, orr, w3, w1, w6
FETCH usercopy_fetch_or_8, orr, x3, x1, x6
FETCH usercopy_fetch_and_4, and, w3, w1, w6
FETCH usercopy_fetch_and_8, and, x3, x1, x6
FETCH usercopy_fetch_xor_4, eor, w3, w1, w6
FETCH usercopy_fetch_xor_8, eor, x3, x1, x6

  .section .note.GNU-stack, "", %progbits
