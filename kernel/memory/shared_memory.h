// shared_memory.h: memory without a file that several processes share (MAP_SHARED|MAP_ANONYMOUS).
#pragma once

#include "vm/object/memory_object.h"

namespace kernel {

// `count` pages of zeroes, made when touched; they live as long as somebody maps or holds them.
// Error::out_of_memory. No lock held.
[[nodiscard]] base::Result<vm::ObjectRef> make_shared_memory(base::PageCount count);

}  // namespace kernel
