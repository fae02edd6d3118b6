// Broken invariants stop the machine and say which.
//
// BASE_CHECK is always on and guards what memory safety hangs on. BASE_DCHECK is on when
// BASE_DEBUG_CHECKS is defined to 1 (Meson option `debug_checks`); in other builds its condition is
// compiled but not evaluated. Neither is for bad input: that is a base::Error.
#pragma once

#include <stdint.h>

#include "base/compiler.h"

// Supplied by whoever embeds the libraries (hook). Called with a broken invariant: prints
// and stops. `message`, `file` are static strings. Called from any context, with any lock held;
// must not return.
extern "C" [[noreturn]] void base_panic(const char* message, const char* file, uint32_t line);

#define BASE_CHECK(condition, message)                          \
  do {                                                          \
    if (BASE_UNLIKELY(!(condition))) {                          \
      ::base_panic(message, __FILE_NAME__, uint32_t(__LINE__)); \
    }                                                           \
  } while (false)

#if !defined(__FILE_NAME__)
#define __FILE_NAME__ __FILE__
#endif

#if defined(BASE_DEBUG_CHECKS) && BASE_DEBUG_CHECKS
#define BASE_DCHECK(condition, message) BASE_CHECK(condition, message)
#else
#define BASE_DCHECK(condition, message) \
  do {                                  \
    if (false) {                        \
      (void)(condition);                \
    }                                   \
  } while (false)
#endif
