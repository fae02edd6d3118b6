#include "cpu/psci.h"

#define PSCI_CLOBBERS                                                                         \
  "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", \
      "memory"

namespace cpu {

int64_t psci_call(PsciConduit conduit, uint64_t function, uint64_t a, uint64_t b, uint64_t c) {
  register uint64_t x0 asm("x0") = function;
  register uint64_t x1 asm("x1") = a;
  register uint64_t x2 asm("x2") = b;
  register uint64_t x3 asm("x3") = c;
  if (conduit == PsciConduit::hvc) {
    asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : PSCI_CLOBBERS);
  } else {
    asm volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : PSCI_CLOBBERS);
  }
  return static_cast<int64_t>(x0);
}

}  // namespace cpu
