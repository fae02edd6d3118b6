// The table "Errors and errno" of docs/vm.md.
#include <cerrno>

#include "linux/guest.h"

namespace linux_oracle {

int errno_of(const Call& call, base::Error error) {
  using base::Error;
  const Kind kind = call.kind;
  switch (error) {
    case Error::invalid_argument: return EINVAL;
    case Error::not_mapped: return kind == Kind::mremap ? EFAULT : ENOMEM;
    case Error::no_address_range: return ENOMEM;
    case Error::out_of_memory: return ENOMEM;
    case Error::limit_exceeded: return kind == Kind::mmap || kind == Kind::mremap ? EAGAIN : ENOMEM;
    case Error::already_mapped: return EEXIST;
    case Error::access_denied: return kind == Kind::mremap ? EPERM : EACCES;
    case Error::busy: return EPERM;
    case Error::bus: return EFAULT;
    case Error::would_deadlock: return EDEADLK;
    default: return -1;
  }
}

}  // namespace linux_oracle
