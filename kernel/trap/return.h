// return.h: what happens between the end of a trap and user mode.
#pragma once

#include "cpu/trap_frame.h"

namespace kernel {

// Switches to other threads when the current one's time is up, ends it when it has to, delivers
// signals. `frame` is its user frame; it may be changed. Interrupts masked, before and after.
void return_to_user(cpu::TrapFrame& frame);

}  // namespace kernel
