#include "kernel/memory/shared_memory.h"

#include "kernel/memory/heap.h"
#include "kernel/memory/machine.h"
#include "vm/object/shared_anonymous.h"

namespace kernel {

namespace {

using SharedMemory = vm::SharedAnonymous<FrameAllocator>;

void dispose(void*, vm::MemoryObject& object) {
  Owned<SharedMemory>(&static_cast<SharedMemory&>(object)).reset();
}

}  // namespace

base::Result<vm::ObjectRef> make_shared_memory(base::PageCount count) {
  BASE_TRY_ASSIGN(auto made, make_owned<SharedMemory>(space_system().objects(), count,
                                                      vm::ObjectDisposal{nullptr, &dispose}));
  return vm::ObjectRef::adopt(*made.release());
}

}  // namespace kernel
