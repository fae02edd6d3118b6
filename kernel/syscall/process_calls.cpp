// process_calls.cpp: calls on the program itself.
#include "cpu/context.h"
#include "kernel/memory/user_space.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

CallResult arch_prctl(const CallArguments& arguments) {
  enum : uint64_t { set_fs = 0x1002, get_fs = 0x1003 };
  switch (arguments.value[0]) {
    case set_fs:
      if (arguments.value[1] >= UserSpace::end()) {
        return Errno::not_permitted;
      }
      cpu::set_user_tls(arguments.value[1]);
      return uint64_t(0);
    case get_fs: return write_user(arguments.address(1), cpu::user_tls());
    default: return Errno::invalid;
  }
}

}  // namespace kernel::calls
