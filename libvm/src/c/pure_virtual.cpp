// What a call of a pure virtual function of libvm ends in, for kernels without a C++ runtime. A
// kernel that has its own is linked with that.
#include "base/check.h"

extern "C" [[noreturn]] void __cxa_pure_virtual();

extern "C" [[noreturn]] void __cxa_pure_virtual() {
  base_panic("pure virtual function called", __FILE_NAME__, uint32_t(__LINE__));
}
