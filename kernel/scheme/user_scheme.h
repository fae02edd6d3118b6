// UserScheme: a scheme that a program serves: every operation is a call to its daemon.
#pragma once

#include "kernel/scheme/scheme.h"
#include "kernel/scheme/user_queue.h"

namespace kernel {

// Registers the scheme `name` and gives its queue, for the daemon. EINVAL: no scheme can have that
// name; EEXIST; ENOSPC: too many schemes; ENOMEM.
[[nodiscard]] Outcome<Ref<File>> register_user_scheme(Text name, uint32_t flags);

}  // namespace kernel
