// Copies between kernel and user memory, x86_64. Prototypes and contract: usercopy/primitives.h.
//
//   size_t usercopy_from_user_bulk(void* to, const void* from, size_t n);   and its siblings
//   size_t usercopy_clear(void* to, size_t n);
//
// Registers: rdi to, rsi from, rdx n (kept), rcx bytes not yet copied, rax result;
// r8-r11 and rax carry data in *_steps. Flags and these are clobbered, nothing else; no stack.
//
// Exactness: REP MOVSB leaves in rcx what a fault kept it from copying (Intel SDM vol. 1, 7.3.9.3),
// so its fixup is the next instruction. Wider accesses advance rdi, rsi, rcx only when a block is
// done; their fixup replays from the block's start by REP MOVSB, which then stops at the very byte.

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

// Ends every copy: rcx bytes were not copied.
.macro FINISH
  WINDOW_CLOSE
  movq %rdx, %rax
  subq %rcx, %rax
  ret
.endm

// One REP MOVSB for everything.
.macro STRING_COPY kind
  movq %rdx, %rcx
  WINDOW_OPEN
.Lbytes\@:
  rep movsb
.Ldone\@:
  FINISH
  EXCEPTION .Lbytes\@, .Ldone\@, \kind
.endm

// REP MOVSQ and up to seven bytes, for CPUs whose REP MOVSB is slow.
.macro QUAD_COPY kind
  movq %rdx, %rcx
  shrq $3, %rcx
  WINDOW_OPEN
.Lquads\@:
  rep movsq
  movl %edx, %ecx
  andl $7, %ecx
.Lbytes\@:
  rep movsb
.Ldone\@:
  FINISH
.Lreplay\@:                       // rcx quads and n % 8 bytes are left
  movl %edx, %eax
  andl $7, %eax
  leaq (%rax, %rcx, 8), %rcx
  jmp .Lbytes\@
  EXCEPTION .Lquads\@, .Lreplay\@, \kind
  EXCEPTION .Lbytes\@, .Ldone\@, \kind
.endm

// Moves 32 bytes at `offset` from rsi (+ rcx when `index` is 1) to rdi (+ rcx).
.macro MOVE32 offset, index, kind, replay
  .if \index
.Lload0\@: movq \offset(%rsi, %rcx), %rax
.Lload1\@: movq \offset + 8(%rsi, %rcx), %r8
.Lload2\@: movq \offset + 16(%rsi, %rcx), %r9
.Lload3\@: movq \offset + 24(%rsi, %rcx), %r10
.Lstore0\@: movq %rax, \offset(%rdi, %rcx)
.Lstore1\@: movq %r8, \offset + 8(%rdi, %rcx)
.Lstore2\@: movq %r9, \offset + 16(%rdi, %rcx)
.Lstore3\@: movq %r10, \offset + 24(%rdi, %rcx)
  .else
.Lload0\@: movq \offset(%rsi), %rax
.Lload1\@: movq \offset + 8(%rsi), %r8
.Lload2\@: movq \offset + 16(%rsi), %r9
.Lload3\@: movq \offset + 24(%rsi), %r10
.Lstore0\@: movq %rax, \offset(%rdi)
.Lstore1\@: movq %r8, \offset + 8(%rdi)
.Lstore2\@: movq %r9, \offset + 16(%rdi)
.Lstore3\@: movq %r10, \offset + 24(%rdi)
  .endif
  .if \kind & USERCOPY_READS
  EXCEPTION .Lload0\@, \replay, USERCOPY_READS
  EXCEPTION .Lload1\@, \replay, USERCOPY_READS
  EXCEPTION .Lload2\@, \replay, USERCOPY_READS
  EXCEPTION .Lload3\@, \replay, USERCOPY_READS
  .endif
  .if \kind & USERCOPY_WRITES
  EXCEPTION .Lstore0\@, \replay, USERCOPY_WRITES
  EXCEPTION .Lstore1\@, \replay, USERCOPY_WRITES
  EXCEPTION .Lstore2\@, \replay, USERCOPY_WRITES
  EXCEPTION .Lstore3\@, \replay, USERCOPY_WRITES
  .endif
.endm

// 64 bytes a step, n >= 64; the rest as one overlapping step that ends at the last byte.
// rsi, rdi and rcx stay at the last complete step, so every fixup is the same replay.
.macro STEP_COPY kind
  movq %rdx, %rcx
  WINDOW_OPEN
.Lstep\@:
  MOVE32 0, 0, \kind, .Lreplay\@
  MOVE32 32, 0, \kind, .Lreplay\@
  addq $64, %rsi
  addq $64, %rdi
  subq $64, %rcx
  cmpq $64, %rcx
  jae .Lstep\@
  testq %rcx, %rcx
  jz .Ldone\@
  cmpq $32, %rcx
  jbe .Lhalf\@
  MOVE32 -64, 1, \kind, .Lreplay\@
.Lhalf\@:
  MOVE32 -32, 1, \kind, .Lreplay\@
  xorl %ecx, %ecx
.Ldone\@:
  FINISH
.Lreplay\@:
  rep movsb
.Lreplayed\@:
  FINISH
  EXCEPTION .Lreplay\@, .Lreplayed\@, \kind
.endm

// The first instruction of a selectable routine: five bytes of NOP, or the jump to `variant`.
.macro SELECT feature, variant
.Lsite\@:
  .byte 0x0f, 0x1f, 0x44, 0x00, 0x00
.Lsite_end\@:
  .pushsection usercopy_replacements, "a"
.Ljump\@:
  jmp \variant
.Ljump_end\@:
  .popsection
  ALTERNATIVE .Lsite\@, .Lsite_end\@, .Ljump\@, .Ljump_end\@, \feature
.endm

FUNCTION usercopy_from_user_quads
  QUAD_COPY USERCOPY_READS
END usercopy_from_user_quads

FUNCTION usercopy_to_user_quads
  QUAD_COPY USERCOPY_WRITES
END usercopy_to_user_quads

FUNCTION usercopy_from_user_bulk
  SELECT USERCOPY_FEATURE_NO_ERMS, usercopy_from_user_quads
  STRING_COPY USERCOPY_READS
END usercopy_from_user_bulk

FUNCTION usercopy_to_user_bulk
  SELECT USERCOPY_FEATURE_NO_ERMS, usercopy_to_user_quads
  STRING_COPY USERCOPY_WRITES
END usercopy_to_user_bulk

FUNCTION usercopy_from_user_steps
  SELECT USERCOPY_FEATURE_STRING_ONLY, usercopy_from_user_bulk
  STEP_COPY USERCOPY_READS
END usercopy_from_user_steps

FUNCTION usercopy_to_user_steps
  SELECT USERCOPY_FEATURE_STRING_ONLY, usercopy_to_user_bulk
  STEP_COPY USERCOPY_WRITES
END usercopy_to_user_steps

FUNCTION usercopy_user_to_user
  STRING_COPY USERCOPY_BOTH
END usercopy_user_to_user

// rdi to, rsi n (kept in rdx), rcx bytes not yet cleared.
FUNCTION usercopy_clear
  movq %rsi, %rdx
  movq %rsi, %rcx
  xorl %eax, %eax
  WINDOW_OPEN
.Lclear:
  rep stosb
.Lcleared:
  FINISH
  EXCEPTION .Lclear, .Lcleared, USERCOPY_WRITES
END usercopy_clear

  .section .note.GNU-stack, "", %progbits
