// user_access.h: bringing libusercopy up in this kernel.
#pragma once

namespace kernel {

// Sets the user limit, checks the exception table, and patches in the copy routines that the
// processor and the command line (`usercopy=`) call for. Once, after cpu::enable_features(), before
// the first user access. An unusable variant is an error message and the best one is taken.
void prepare_user_access();

}  // namespace kernel
