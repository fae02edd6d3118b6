// shared_memory.h: memory without a file system that several processes share: MAP_SHARED with
// MAP_ANONYMOUS, memory files.
#pragma once

#include "base/optional.h"
#include "vm/object/memory_object.h"

namespace kernel {

// `count` pages of zeroes, made when touched; they live as long as somebody maps or holds them.
// Error::out_of_memory. No lock held.
[[nodiscard]] base::Result<vm::ObjectRef> make_shared_memory(base::PageCount count);

// Gives memory that make_shared_memory() made another size: pages past a smaller one are gone, new
// ones are zeroes. Error::invalid_argument: larger than any offset; unchanged then. No lock held.
[[nodiscard]] base::Status resize_shared_memory(vm::MemoryObject& memory, base::PageCount count);

// A page of such memory, which stays in its frame while this lives.
class HeldPage {
 public:
  HeldPage(HeldPage&& other) noexcept : frame_(base::exchange(other.frame_, base::Pfn())) {}
  HeldPage& operator=(HeldPage&&) = delete;
  ~HeldPage();

  [[nodiscard]] uint8_t* bytes() const;

 private:
  friend base::Result<base::Optional<HeldPage>> hold_page(vm::MemoryObject&, vm::ObjectPage);
  friend base::Result<HeldPage> hold_or_make_page(vm::MemoryObject&, vm::ObjectPage);
  explicit HeldPage(base::Pfn frame) : frame_(frame) {}

  base::Pfn frame_;  // 0: none
};

// None: nobody has touched it, so it is zeroes. Error::out_of_memory. No lock held.
[[nodiscard]] base::Result<base::Optional<HeldPage>> hold_page(vm::MemoryObject& memory,
                                                               vm::ObjectPage page);
// Error::bus: past the end; out_of_memory.
[[nodiscard]] base::Result<HeldPage> hold_or_make_page(vm::MemoryObject& memory,
                                                       vm::ObjectPage page);

}  // namespace kernel
