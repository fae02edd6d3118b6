// backtrace.h: who called whom, by frame pointers.
#pragma once

#include <cstdint>

namespace kernel {

// Prints one line for `pc` (unless 0) and one for each return address along the chain of frame
// pointers. Reads only what the kernel's tables map; stops at a chain that does not grow upwards
// or after 40 lines.
//
// `link` is where the function at `pc` may return to if it has built no frame (0: not known): it
// is printed when it is in another function than `pc` and the chain does not begin with it.
void print_backtrace(uint64_t pc, uint64_t frame_pointer, uint64_t link = 0);

}  // namespace kernel
