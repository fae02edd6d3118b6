// Feature numbers that alternatives name. Plain macros: assembly reads this file too.
#pragma once

// x86_64 and aarch64 share one number space so that a table can never be misread.
#define USERCOPY_FEATURE_NO_WINDOW 1    // no SMAP or PAN (or a hosted build): drop the window
#define USERCOPY_FEATURE_NO_ERMS 2      // x86_64: rep movsb is slow, use rep movsq
#define USERCOPY_FEATURE_STRING_ONLY 3  // x86_64: string instructions for every size
#define USERCOPY_FEATURE_FAST_UNPRIVILEGED 16  // aarch64: 64-byte LDTR/STTR loop
#define USERCOPY_FEATURE_FAST_PAN_TOGGLE 17    // aarch64: 64-byte LDP/STP loop, PAN off around it
#define USERCOPY_FEATURE_MOPS 18               // aarch64: FEAT_MOPS instructions
#define USERCOPY_FEATURE_COUNT 32
