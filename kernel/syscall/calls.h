// calls.h: the functions behind the system calls: one of each name, kernel/syscall/*_calls.cpp.
#pragma once

#include "kernel/seam/syscalls.h"
#include "kernel/syscall/call.h"

namespace kernel::calls {

#define KERNEL_CALL_DECLARATION(name) CallResult name(const CallArguments& arguments);
KERNEL_CALLS(KERNEL_CALL_DECLARATION)
#undef KERNEL_CALL_DECLARATION

}  // namespace kernel::calls
