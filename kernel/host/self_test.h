// self_test.h: what the kernel proves about itself; defined in test/ktest/.
#pragma once

#include "kernel/host/options.h"

namespace kernel {

// At every boot: provokes each protection the processor has; a panic if one does not hold.
void prove_protections();

// `selftest=all`, `selftest=usercopy` (the tests of user copies alone): prints `@test ok NAME`,
// `@test absent NAME` (the processor lacks it) or
// `@test failed NAME: why` for each test, then
// `N passed, N failed`. True: none failed.
[[nodiscard]] bool run_self_tests(SelfTest which);

// `panictest=KIND`: does not return unless KIND is none.
void run_panic_test(PanicTest kind);

}  // namespace kernel
