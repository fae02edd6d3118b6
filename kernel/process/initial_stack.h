// initial_stack.h: what a new program finds on its stack (System V ABI, "Process Initialization"):
// argument count, argument and environment pointers, the auxiliary vector, and the strings.
#pragma once

#include <span>

#include "kernel/host/text.h"
#include "kernel/process/elf_loader.h"

namespace kernel {

// Maps the stack and fills it. Returns the initial stack pointer, 16-byte aligned.
// Error::limit_exceeded: the words need more than 128 KiB; out_of_memory, fault: no frame.
[[nodiscard]] base::Result<base::UserAddr> build_initial_stack(UserSpace& space,
                                                               std::span<const Text> words,
                                                               const LoadedProgram& program);

}  // namespace kernel
