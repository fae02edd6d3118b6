// The SMAP window of x86_64. Preprocessed assembly only.
//
// STAC and CLAC are in the code as assembled, and replaced by NOPs where the CPU has no SMAP (where
// they would be #UD): a kernel that forgets to apply the alternatives fails loudly, not openly.
// Intel SDM vol. 2, CLAC, STAC.
#pragma once

#include "usercopy/asm.h"
#include "usercopy/feature.h"

.macro WINDOW_OPEN
.Lopen\@:
  stac
.Lopen_end\@:
  ALTERNATIVE_NOTHING .Lopen\@, .Lopen_end\@, USERCOPY_FEATURE_NO_WINDOW
.endm

.macro WINDOW_CLOSE
.Lclose\@:
  clac
.Lclose_end\@:
  ALTERNATIVE_NOTHING .Lclose\@, .Lclose_end\@, USERCOPY_FEATURE_NO_WINDOW
.endm
