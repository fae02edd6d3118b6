#include "kernel/memory/shared_memory.h"

#include "kernel/memory/frames.h"
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

base::Status resize_shared_memory(vm::MemoryObject& memory, base::PageCount count) {
  return static_cast<SharedMemory&>(memory).resize(count);
}

HeldPage::~HeldPage() {
  if (frame_.raw() != 0) {
    frame_allocator().drop(frame_);
  }
}

uint8_t* HeldPage::bytes() const {
  return static_cast<uint8_t*>(frame_window(frame_));
}

base::Result<base::Optional<HeldPage>> hold_page(vm::MemoryObject& memory, vm::ObjectPage page) {
  const vm::Epochs<Host>::Section section(space_system().epochs());
  const vm::PageAnswer answer = memory.resident(page);
  if (answer.is_page()) {
    return base::Optional<HeldPage>(HeldPage(answer.frame()));
  }
  if (answer.kind() == vm::PageAnswer::Kind::refused) {
    return answer.error();
  }
  return base::Optional<HeldPage>();
}

base::Result<HeldPage> hold_or_make_page(vm::MemoryObject& memory, vm::ObjectPage page) {
  const vm::Epochs<Host>::Section section(space_system().epochs());
  const vm::PageAnswer answer = memory.page(page, vm::PageUse::write);
  if (!answer.is_page()) {
    return answer.error();  // these never wait
  }
  return HeldPage(answer.frame());
}

}  // namespace kernel
