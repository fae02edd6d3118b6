// Strings in user memory, aarch64. Prototypes and contract: usercopy/primitives.h.
//
//   UsercopyValue usercopy_string_length(const void* from, size_t n);
//   UsercopyValue usercopy_string_copy(void* to, const void* from, size_t n);
//   UsercopyValue usercopy_zero_prefix(const void* from, size_t n);
//
// Eight bytes a step once `from` is aligned, so that no load crosses into a page that holds
// none of the string; single bytes before that and for the rest. The zero-byte test is the usual
// (x - 0x01..01) & ~x & 0x80..80: the lowest set bit marks the first zero byte.
//
// Registers: x1 from, x2 bytes left, x3 bytes done, x0 to; x8 0x01..01, x4-x7 scratch;
// x0 value, x1 status. No stack. LDTR needs no window.

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

// Marks the zero bytes of x4 in x5; Z when there is none.
.macro MARK_ZERO_BYTES
  sub x5, x4, x8
  bic x5, x5, x4
  ands x5, x5, x8, lsl #7
.endm

.macro RETURN value, status
  mov x0, \value
  mov x1, #\status
  ret
.endm

FUNCTION usercopy_string_length
  mov x2, x1
  mov x1, x0
  mov x3, #0
  mov x8, #0x0101010101010101
.Llength_byte:
.Llength_load1: ldtrb w4, [x1]
  cbz w4, .Llength_done
  add x1, x1, #1
  add x3, x3, #1
  cmp x3, x2
  b.eq .Llength_done
  tst x1, #7
  b.ne .Llength_byte
.Llength_word:
  sub x6, x2, x3
  cmp x6, #8
  b.lo .Llength_byte
.Llength_load8: ldtr x4, [x1]
  MARK_ZERO_BYTES
  b.ne .Llength_found
  add x1, x1, #8
  add x3, x3, #8
  cmp x3, x2
  b.ne .Llength_word
.Llength_done:
  RETURN x3, 0
.Llength_found:
  rbit x5, x5
  clz x5, x5
  add x3, x3, x5, lsr #3
  RETURN x3, 0
.Llength_fault:
  RETURN xzr, 1
  EXCEPTION .Llength_load1, .Llength_fault, USERCOPY_READS
  EXCEPTION .Llength_load8, .Llength_fault, USERCOPY_READS
END usercopy_string_length

FUNCTION usercopy_string_copy
  mov x3, #0
  mov x8, #0x0101010101010101
.Lcopy_byte:
.Lcopy_load1: ldtrb w4, [x1]
  strb w4, [x0, x3]
  cbz w4, .Lcopy_done
  add x1, x1, #1
  add x3, x3, #1
  cmp x3, x2
  b.eq .Lcopy_done
  tst x1, #7
  b.ne .Lcopy_byte
.Lcopy_word:
  sub x6, x2, x3
  cmp x6, #8
  b.lo .Lcopy_byte
.Lcopy_load8: ldtr x4, [x1]
  MARK_ZERO_BYTES
  b.ne .Lcopy_found
  str x4, [x0, x3]
  add x1, x1, #8
  add x3, x3, #8
  cmp x3, x2
  b.ne .Lcopy_word
.Lcopy_done:
  RETURN x3, 0
.Lcopy_found:                     // x4: the word with the terminator; store it byte for byte
  strb w4, [x0, x3]
  tst w4, #0xff
  b.eq .Lcopy_done
  lsr x4, x4, #8
  add x3, x3, #1
  b .Lcopy_found
.Lcopy_fault:
  RETURN xzr, 1
  EXCEPTION .Lcopy_load1, .Lcopy_fault, USERCOPY_READS
  EXCEPTION .Lcopy_load8, .Lcopy_fault, USERCOPY_READS
END usercopy_string_copy

FUNCTION usercopy_zero_prefix
  mov x2, x1
  mov x1, x0
  mov x3, #0
.Lzero_byte:
.Lzero_load1: ldtrb w4, [x1]
  cbnz w4, .Lzero_done
  add x1, x1, #1
  add x3, x3, #1
  cmp x3, x2
  b.eq .Lzero_done
  tst x1, #7
  b.ne .Lzero_byte
.Lzero_word:
  sub x6, x2, x3
  cmp x6, #8
  b.lo .Lzero_byte
.Lzero_load8: ldtr x4, [x1]
  cbnz x4, .Lzero_byte            // the byte loop finds which; it stops within eight
  add x1, x1, #8
  add x3, x3, #8
  cmp x3, x2
  b.ne .Lzero_word
.Lzero_done:
  RETURN x3, 0
.Lzero_fault:
  RETURN xzr, 1
  EXCEPTION .Lzero_load1, .Lzero_fault, USERCOPY_READS
  EXCEPTION .Lzero_load8, .Lzero_fault, USERCOPY_READS
END usercopy_zero_prefix

  .section .note.GNU-stack, "", %progbits
