// space_file.h: descriptors of address spaces (kernel/include/space_descriptors.h).
#pragma once

#include "kernel/fd/file.h"
#include "kernel/memory/user_space.h"

namespace kernel {

// A descriptor of `space` with the access mode of `flags`. ENOMEM.
[[nodiscard]] Outcome<Ref<File>> make_space_file(Ref<UserSpace> space, uint32_t flags);

}  // namespace kernel
