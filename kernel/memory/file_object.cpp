#include "kernel/memory/file_object.h"

#include <cstring>

#include "kernel/memory/frames.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/machine.h"
#include "kernel/memory/page_wait.h"
#include "vm/object/paged.h"

namespace kernel {

namespace {

using Paged = vm::Paged<FrameAllocator>;

class FileObject final : public vm::Pager {
 public:
  explicit FileObject(std::span<const uint8_t> bytes)
      : bytes_(bytes),
        pages_(space_system().objects(), *this,
               base::PageCount((bytes.size() + base::page_size - 1) >> base::page_shift),
               base::Right::read | base::Right::execute | base::Right::user, page_notifier(),
               {this, &dispose}) {}

  [[nodiscard]] Paged& pages() { return pages_; }
  [[nodiscard]] bool is_of(std::span<const uint8_t> bytes) const {
    return bytes_.data() == bytes.data() && bytes_.size() == bytes.size();
  }

  // Answers before it returns; another CPU that wants the page meanwhile waits and is told.
  base::Status request(vm::MemoryObject&, vm::ObjectRange pages, uint64_t ticket) override;
  base::Status write_back(vm::MemoryObject&, const vm::WriteBack&) override {
    return base::Error::io;  // no mapping may write
  }

  FileObject* next = nullptr;

 private:
  static void dispose(void* self, vm::MemoryObject&);

  std::span<const uint8_t> bytes_;
  Paged pages_;
};

SpinLock lock{LockRank::file_objects};
FileObject* objects BASE_GUARDED_BY(lock) = nullptr;  // those that may live

base::Status FileObject::request(vm::MemoryObject&, vm::ObjectRange pages, uint64_t ticket) {
  for (vm::ObjectPage page = pages.first(); page < pages.end(); page += base::PageCount(1)) {
    BASE_TRY_ASSIGN(const base::Pfn frame, frame_allocator().allocate());
    const uint64_t offset = page.raw() << base::page_shift;
    const size_t count = base::min<size_t>(base::page_size, bytes_.size() - offset);
    auto* window = static_cast<uint8_t*>(frame_window(frame));
    memcpy(window, bytes_.data() + offset, count);
    memset(window + count, 0, base::page_size - count);
    space_system().machine().mmu().sync_instructions(window, base::Bytes(base::page_size));
    const base::Status attached = pages_.attach(ticket, base::Bytes(offset), {&frame, 1});
    BASE_CHECK(attached.ok(), "a page of a file that was asked for is not taken");
  }
  return {};
}

void FileObject::dispose(void* self, vm::MemoryObject&) {
  auto* object = static_cast<FileObject*>(self);
  {
    base::Guard guard(lock);
    FileObject** at = &objects;
    while (*at != nullptr && *at != object) {
      at = &(*at)->next;
    }
    if (*at == object) {  // one that came second never was in the list
      *at = object->next;
    }
  }
  Owned<FileObject>(object).reset();
}

// One that is about to go is not found.
vm::ObjectRef find_locked(std::span<const uint8_t> bytes) BASE_REQUIRES(lock) {
  for (FileObject* at = objects; at != nullptr; at = at->next) {
    if (at->is_of(bytes) && at->pages().retain_unless_dead()) {
      return vm::ObjectRef::adopt(at->pages());
    }
  }
  return {};
}

}  // namespace

base::Result<vm::ObjectRef> file_object(std::span<const uint8_t> bytes) {
  {
    base::Guard guard(lock);
    if (vm::ObjectRef found = find_locked(bytes)) {
      return found;
    }
  }
  BASE_TRY_ASSIGN(auto made, make_owned<FileObject>(bytes));
  FileObject* object = made.release();
  vm::ObjectRef ours = vm::ObjectRef::adopt(object->pages());
  base::Guard guard(lock);
  if (vm::ObjectRef found = find_locked(bytes)) {
    return found;  // another thread was faster; ours goes
  }
  object->next = base::exchange(objects, object);
  return ours;
}

}  // namespace kernel
