// Copies between kernel and user memory, aarch64. Prototypes and contract: usercopy/primitives.h.
//
//   size_t usercopy_from_user_short(void* to, const void* from, size_t n);   and its siblings
//   size_t usercopy_clear(void* to, size_t n);
//
// Registers: x0 to, x1 from, x2 n (kept), x3 bytes not yet copied; x4-x11 data,
// x12-x13 scratch; x0 result. Nothing else but flags is clobbered; no stack.
//
// Variants. The byte loop is the reference and what an unpatched kernel runs. The fast ones move
// 64 bytes a step, and advance x0, x1, x3 only when a step is done: their fixup replays the step
// byte for byte and so stops at the very byte. The variant is chosen by SELECT, in rising
// order of preference. MOPS has two architected progress encodings after a fault; its fixup
// starts over with the byte loop, which needs neither.

#include "window.inc"

  .section .text.usercopy, "ax", %progbits

// One byte at x1 to x0, advancing both. `kind` says which side is user memory.
.macro MOVE_BYTE kind, fixup
  .if \kind & USERCOPY_READS
.Lload\@: ldtrb w4, [x1]
  EXCEPTION .Lload\@, \fixup, USERCOPY_READS
  add x1, x1, #1
  .else
  ldrb w4, [x1], #1
  .endif
  .if \kind & USERCOPY_WRITES
.Lstore\@: sttrb w4, [x0]
  EXCEPTION .Lstore\@, \fixup, USERCOPY_WRITES
  add x0, x0, #1
  .else
  strb w4, [x0], #1
  .endif
.endm

// Copies x3 bytes one by one. x3 > 0 on entry, 0 or what a fault left on exit at `done`.
.macro BYTE_LOOP kind, done
.Lbyte\@:
  MOVE_BYTE \kind, \done
  subs x3, x3, #1
  b.ne .Lbyte\@
.endm

.macro FINISH
  sub x0, x2, x3
  ret
.endm

.macro BYTE_COPY kind
  mov x3, x2
  BYTE_LOOP \kind, .Ldone\@
.Ldone\@:
  FINISH
.endm

// Eight bytes at `offset` of \base to or from register \data, on the user's or the kernel's side.
.macro LOAD8 data, base, offset, kind, fixup
  .if \kind & USERCOPY_READS
.Lload\@: ldtr \data, [\base, #\offset]
  EXCEPTION .Lload\@, \fixup, USERCOPY_READS
  .else
  ldur \data, [\base, #\offset]
  .endif
.endm
.macro STORE8 data, base, offset, kind, fixup
  .if \kind & USERCOPY_WRITES
.Lstore\@: sttr \data, [\base, #\offset]
  EXCEPTION .Lstore\@, \fixup, USERCOPY_WRITES
  .else
  stur \data, [\base, #\offset]
  .endif
.endm

// Sixteen bytes: a pair on the kernel's side, two unprivileged accesses on the user's.
.macro LOAD16 first, second, base, offset, kind, fixup
  .if \kind & USERCOPY_READS
  LOAD8 \first, \base, \offset, \kind, \fixup
  LOAD8 \second, \base, "(\offset + 8)", \kind, \fixup
  .else
  ldp \first, \second, [\base, #\offset]
  .endif
.endm
.macro STORE16 first, second, base, offset, kind, fixup
  .if \kind & USERCOPY_WRITES
  STORE8 \first, \base, \offset, \kind, \fixup
  STORE8 \second, \base, "(\offset + 8)", \kind, \fixup
  .else
  stp \first, \second, [\base, #\offset]
  .endif
.endm

.macro MOVE64 to, from, offset, kind, fixup
  LOAD16 x4, x5, \from, "(\offset)", \kind, \fixup
  LOAD16 x6, x7, \from, "(\offset + 16)", \kind, \fixup
  LOAD16 x8, x9, \from, "(\offset + 32)", \kind, \fixup
  LOAD16 x10, x11, \from, "(\offset + 48)", \kind, \fixup
  STORE16 x4, x5, \to, "(\offset)", \kind, \fixup
  STORE16 x6, x7, \to, "(\offset + 16)", \kind, \fixup
  STORE16 x8, x9, \to, "(\offset + 32)", \kind, \fixup
  STORE16 x10, x11, \to, "(\offset + 48)", \kind, \fixup
.endm

// n >= 64. One unaligned step, then steps whose user side (`align`) is 16-byte aligned, then one
// overlapping step that ends at the last byte.
.macro STEP_COPY kind, align
  mov x3, x2
  MOVE64 x0, x1, 0, \kind, .Lreplay\@
  and x12, \align, #15
  mov x13, #64
  sub x12, x13, x12
  add x0, x0, x12
  add x1, x1, x12
  sub x3, x3, x12
  cmp x3, #64
  b.lo .Ltail\@
.Lstep\@:
  MOVE64 x0, x1, 0, \kind, .Lreplay\@
  add x0, x0, #64
  add x1, x1, #64
  sub x3, x3, #64
  cmp x3, #64
  b.hs .Lstep\@
.Ltail\@:
  cbz x3, .Ldone\@
  add x12, x0, x3
  add x13, x1, x3
  MOVE64 x12, x13, -64, \kind, .Lreplay\@
  mov x3, #0
  b .Ldone\@
.Lreplay\@:
  BYTE_LOOP \kind, .Ldone\@
.Ldone\@:
  FINISH
.endm

// Any n > 0: a byte, then eight bytes a step, then bytes. The first access needs no branch.
// `steps`, when given, copies the whole again from its start when 65 bytes or more were asked for.
.macro WORD_COPY kind, steps
  mov x3, x2
  MOVE_BYTE \kind, .Ldone\@
  subs x3, x3, #1
  b.eq .Ldone\@
  .ifnb \steps
  cmp x3, #64
  b.hs .Lrestart\@
  .endif
  cmp x3, #8
  b.lo .Lreplay\@
.Lword\@:
  LOAD8 x4, x1, 0, \kind, .Lreplay\@
  STORE8 x4, x0, 0, \kind, .Lreplay\@
  add x0, x0, #8
  add x1, x1, #8
  sub x3, x3, #8
  cmp x3, #8
  b.hs .Lword\@
  cbz x3, .Ldone\@
.Lreplay\@:
  BYTE_LOOP \kind, .Ldone\@
.Ldone\@:
  FINISH
  .ifnb \steps
.Lrestart\@:
  sub x0, x0, #1
  sub x1, x1, #1
  b \steps
  .endif
.endm

// The same steps by privileged pair accesses on both sides, inside the PAN window. n >= 64.
.macro PAIR_LOAD first, second, base, offset, kind, fixup
.Lload\@: ldp \first, \second, [\base, #\offset]
  .if \kind & USERCOPY_READS
  EXCEPTION .Lload\@, \fixup, USERCOPY_READS
  .endif
.endm
.macro PAIR_STORE first, second, base, offset, kind, fixup
.Lstore\@: stp \first, \second, [\base, #\offset]
  .if \kind & USERCOPY_WRITES
  EXCEPTION .Lstore\@, \fixup, USERCOPY_WRITES
  .endif
.endm
.macro PAIR_MOVE64 to, from, offset, kind, fixup
  PAIR_LOAD x4, x5, \from, "(\offset)", \kind, \fixup
  PAIR_LOAD x6, x7, \from, "(\offset + 16)", \kind, \fixup
  PAIR_LOAD x8, x9, \from, "(\offset + 32)", \kind, \fixup
  PAIR_LOAD x10, x11, \from, "(\offset + 48)", \kind, \fixup
  PAIR_STORE x4, x5, \to, "(\offset)", \kind, \fixup
  PAIR_STORE x6, x7, \to, "(\offset + 16)", \kind, \fixup
  PAIR_STORE x8, x9, \to, "(\offset + 32)", \kind, \fixup
  PAIR_STORE x10, x11, \to, "(\offset + 48)", \kind, \fixup
.endm
.macro PAIR_COPY kind, align
  mov x3, x2
  WINDOW_OPEN
  PAIR_MOVE64 x0, x1, 0, \kind, .Lfault\@
  and x12, \align, #15
  mov x13, #64
  sub x12, x13, x12
  add x0, x0, x12
  add x1, x1, x12
  sub x3, x3, x12
  cmp x3, #64
  b.lo .Ltail\@
.Lstep\@:
  PAIR_MOVE64 x0, x1, 0, \kind, .Lfault\@
  add x0, x0, #64
  add x1, x1, #64
  sub x3, x3, #64
  cmp x3, #64
  b.hs .Lstep\@
.Ltail\@:
  cbz x3, .Lclose\@
  add x12, x0, x3
  add x13, x1, x3
  PAIR_MOVE64 x12, x13, -64, \kind, .Lfault\@
  mov x3, #0
.Lclose\@:
  WINDOW_CLOSE
  FINISH
.Lfault\@:
  WINDOW_CLOSE
  BYTE_LOOP \kind, .Ldone\@
.Ldone\@:
  FINISH
.endm

// FEAT_MOPS, forward-only; `suffix` makes the user's side unprivileged. x3, x4, x5: what x0, x1, x2
// were, for the fixup.
.macro MOPS_COPY suffix, kind, restart
  mov x3, x0
  mov x4, x1
  mov x5, x2
  .arch_extension mops
.Lprologue\@: cpyfp\suffix [x0]!, [x1]!, x2!
.Lmain\@: cpyfm\suffix [x0]!, [x1]!, x2!
.Lepilogue\@: cpyfe\suffix [x0]!, [x1]!, x2!
  .arch_extension nomops
  mov x0, x5
  ret
.Lfault\@:
  mov x0, x3
  mov x1, x4
  mov x2, x5
  b \restart
  EXCEPTION .Lprologue\@, .Lfault\@, \kind
  EXCEPTION .Lmain\@, .Lfault\@, \kind
  EXCEPTION .Lepilogue\@, .Lfault\@, \kind
.endm

FUNCTION usercopy_from_user_bytes
  BYTE_COPY USERCOPY_READS
END usercopy_from_user_bytes

FUNCTION usercopy_to_user_bytes
  BYTE_COPY USERCOPY_WRITES
END usercopy_to_user_bytes

FUNCTION usercopy_from_user_unprivileged
  STEP_COPY USERCOPY_READS, x1
END usercopy_from_user_unprivileged

FUNCTION usercopy_to_user_unprivileged
  STEP_COPY USERCOPY_WRITES, x0
END usercopy_to_user_unprivileged

FUNCTION usercopy_from_user_pan
  PAIR_COPY USERCOPY_READS, x1
END usercopy_from_user_pan

FUNCTION usercopy_to_user_pan
  PAIR_COPY USERCOPY_WRITES, x0
END usercopy_to_user_pan

// Any size, then on to the 64-byte steps of a variant.
FUNCTION usercopy_from_user_any_unprivileged
  WORD_COPY USERCOPY_READS, usercopy_from_user_unprivileged
END usercopy_from_user_any_unprivileged

FUNCTION usercopy_to_user_any_unprivileged
  WORD_COPY USERCOPY_WRITES, usercopy_to_user_unprivileged
END usercopy_to_user_any_unprivileged

FUNCTION usercopy_from_user_any_pan
  WORD_COPY USERCOPY_READS, usercopy_from_user_pan
END usercopy_from_user_any_pan

FUNCTION usercopy_to_user_any_pan
  WORD_COPY USERCOPY_WRITES, usercopy_to_user_pan
END usercopy_to_user_any_pan

FUNCTION usercopy_from_user_mops
  MOPS_COPY rt, USERCOPY_READS, usercopy_from_user_bytes
END usercopy_from_user_mops

FUNCTION usercopy_to_user_mops
  MOPS_COPY wt, USERCOPY_WRITES, usercopy_to_user_bytes
END usercopy_to_user_mops

// The selectable names. Later records win: MOPS before the PAN toggle before LDTR/STTR.
.macro ENTRY name, kind, unprivileged, pan, mops
FUNCTION \name
.Lsite\@:
  nop
.Lsite_end\@:
  CHOICE .Lsite\@, .Lsite_end\@, USERCOPY_FEATURE_FAST_UNPRIVILEGED, \unprivileged
  CHOICE .Lsite\@, .Lsite_end\@, USERCOPY_FEATURE_FAST_PAN_TOGGLE, \pan
  CHOICE .Lsite\@, .Lsite_end\@, USERCOPY_FEATURE_MOPS, \mops
  BYTE_COPY \kind
END \name
.endm

ENTRY usercopy_from_user_bulk, USERCOPY_READS, usercopy_from_user_any_unprivileged, usercopy_from_user_any_pan, usercopy_from_user_mops
ENTRY usercopy_from_user_steps, USERCOPY_READS, usercopy_from_user_unprivileged, usercopy_from_user_pan, usercopy_from_user_mops
ENTRY usercopy_to_user_bulk, USERCOPY_WRITES, usercopy_to_user_any_unprivileged, usercopy_to_user_any_pan, usercopy_to_user_mops
ENTRY usercopy_to_user_steps, USERCOPY_WRITES, usercopy_to_user_unprivileged, usercopy_to_user_pan, usercopy_to_user_mops

FUNCTION usercopy_user_to_user
  WORD_COPY USERCOPY_BOTH
END usercopy_user_to_user

// x0 to, x1 n; x2 n kept, x3 bytes not yet cleared.
FUNCTION usercopy_clear
  mov x2, x1
  mov x3, x1
.Lclear_byte:
.Lclear_store1: sttrb wzr, [x0]
  add x0, x0, #1
  subs x3, x3, #1
  b.eq .Lcleared
  tst x0, #7
  b.ne .Lclear_byte
.Lclear_step:
  cmp x3, #64
  b.lo .Lclear_byte
.Lclear_store8a: sttr xzr, [x0]
.Lclear_store8b: sttr xzr, [x0, #8]
.Lclear_store8c: sttr xzr, [x0, #16]
.Lclear_store8d: sttr xzr, [x0, #24]
.Lclear_store8e: sttr xzr, [x0, #32]
.Lclear_store8f: sttr xzr, [x0, #40]
.Lclear_store8g: sttr xzr, [x0, #48]
.Lclear_store8h: sttr xzr, [x0, #56]
  add x0, x0, #64
  subs x3, x3, #64
  b.ne .Lclear_step
.Lcleared:
  FINISH
// The stores are aligned: the one that faulted is the first byte that cannot be written, but which
// one it was is found by trying again.
.Lclear_replay:
.Lclear_store1r: sttrb wzr, [x0]
  add x0, x0, #1
  subs x3, x3, #1
  b.ne .Lclear_replay
  FINISH
  EXCEPTION .Lclear_store1, .Lcleared, USERCOPY_WRITES
  EXCEPTION .Lclear_store8a, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8b, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8c, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8d, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8e, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8f, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8g, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store8h, .Lclear_replay, USERCOPY_WRITES
  EXCEPTION .Lclear_store1r, .Lcleared, USERCOPY_WRITES
END usercopy_clear

  .section .note.GNU-stack, "", %progbits
