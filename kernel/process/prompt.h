// prompt.h: the console's prompt while there is no shell: reads a line, runs it.
#pragma once

namespace kernel {

// Ends with the word `exit`, or at the end of input: the machine powers off with the last status.
[[noreturn]] void prompt_loop();

}  // namespace kernel
