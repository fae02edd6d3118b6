// misbehave.h: mistakes that only an instrumented kernel notices (`panictest=KIND`).
#pragma once

#include "kernel/host/options.h"

namespace kernel {

// Makes the mistake; returns where nobody notices. None of them harms another kernel.
void misbehave(PanicTest kind);

}  // namespace kernel
