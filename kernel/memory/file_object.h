// file_object.h: bytes that never change or go away (a file of the initial file system) as a memory
// object, for mapping.
//
// A page is copied out of the bytes when it is first touched and then shared by all who map it;
// the rest of the last page is zero, pages past it are bus errors. The object lives as long as
// somebody maps or holds it.
#pragma once

#include <cstdint>
#include <span>

#include "vm/object/memory_object.h"

namespace kernel {

// The same bytes are the same object while it lives. Error::out_of_memory. No lock held.
[[nodiscard]] base::Result<vm::ObjectRef> file_object(std::span<const uint8_t> bytes);

}  // namespace kernel
