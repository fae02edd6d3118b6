// GNU-EFI's protocol and table definitions, and nothing of its library. Their style is C's; the
// warnings they cause under our flags are switched off here alone.
#pragma once

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
// Under this macro the headers take the integer types from <stdint.h> instead of their own.
#define __STDC_VERSION__ 199901L
#include <efi.h>
#undef __STDC_VERSION__
// For compilers in Microsoft mode, as ours is here, the headers define attributes away.
#undef __attribute__
#pragma clang diagnostic pop
