// Assembler macros shared by the architectures' usercopy/*.S. Preprocessed assembly only.
//
// The records these macros emit are declared for C++ in exception_table.h and alternatives.h; the
// two must agree.
#pragma once

// Which user accesses the instruction at a label may make.
#define USERCOPY_READS 1
#define USERCOPY_WRITES 2
#define USERCOPY_BOTH 3

// A fault at `at` that the kernel refuses continues at `fixup`. Entries must be emitted in
// ascending order of `at`: the table is sorted by construction, and checked.
.macro EXCEPTION at, fixup, kind
  .pushsection usercopy_table, "a"
  .balign 4
  .long \at - .
  .long \fixup - .
  .long \kind
  .popsection
.endm

// With `feature` present, the bytes from `at` to `end` become those from `by` to `by_end`, the rest
// NOPs. `by` lies in usercopy_replacements, which never executes.
.macro ALTERNATIVE at, end, by, by_end, feature
  .pushsection usercopy_alternatives, "a"
  .balign 4
  .long \at - .
  .long \by - .
  .2byte \feature
  .byte \end - \at
  .byte \by_end - \by
  .popsection
.endm

// With `feature` present, the bytes from `at` to `end` become NOPs.
.macro ALTERNATIVE_NOTHING at, end, feature
  .pushsection usercopy_alternatives, "a"
  .balign 4
  .long \at - .
  .long 0
  .2byte \feature
  .byte \end - \at
  .byte 0
  .popsection
.endm

.macro FUNCTION name
  .globl \name
  .type \name, %function
  .balign 16
\name:
  .cfi_startproc
.endm

.macro END name
  .cfi_endproc
  .size \name, . - \name
.endm
