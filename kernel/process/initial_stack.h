// initial_stack.h: what a new program finds on its stack (System V ABI, "Process Initialization"):
// argument count, argument and environment pointers, the auxiliary vector, and the strings.
#pragma once

#include "kernel/host/text.h"
#include "kernel/process/elf_loader.h"
#include "kernel/process/process.h"
#include "kernel/process/string_list.h"

namespace kernel {

struct InitialStack {
  base::UserAddr pointer;  // 16-byte aligned
  Process::Words words;
};

// Maps the stack and fills it. `path`: the program as it was named (AT_EXECFN).
// Error::limit_exceeded: the strings and pointers need more than a quarter of the stack;
// out_of_memory, fault: no frame.
[[nodiscard]] base::Result<InitialStack> build_initial_stack(UserSpace& space,
                                                             const StringList& arguments,
                                                             const StringList& environment,
                                                             Text path,
                                                             const LoadedProgram& program);

}  // namespace kernel
