// The PAN window of aarch64. Preprocessed assembly only.
//
// Only code that reaches user memory by ordinary instructions needs it (LDTR and STTR are checked
// as if at EL0 and ignore PAN). MSR PAN is in the code as assembled, and replaced by a NOP where
// the CPU has no PAN (where it would be undefined): a kernel that forgets to apply the alternatives
// fails loudly, not openly. Arm ARM C5.2 (PAN), D8.4.3.
#pragma once

#include "usercopy/asm.h"
#include "usercopy/feature.h"

  .arch armv8.1-a

.macro WINDOW_OPEN
.Lopen\@:
  msr pan, #0
.Lopen_end\@:
  ALTERNATIVE_NOTHING .Lopen\@, .Lopen_end\@, USERCOPY_FEATURE_NO_WINDOW
.endm

.macro WINDOW_CLOSE
.Lclose\@:
  msr pan, #1
.Lclose_end\@:
  ALTERNATIVE_NOTHING .Lclose\@, .Lclose_end\@, USERCOPY_FEATURE_NO_WINDOW
.endm

// With `feature`, the one instruction from `at` to `end` becomes a branch to `variant`.
.macro CHOICE at, end, feature, variant
  .pushsection usercopy_replacements, "a"
  .balign 4
.Ljump\@:
  b \variant
.Ljump_end\@:
  .popsection
  ALTERNATIVE \at, \end, .Ljump\@, .Ljump_end\@, \feature
.endm
