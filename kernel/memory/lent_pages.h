// LentPages: frames that a call's buffer is made of, mapped into a daemon's space while the call
// lasts: the caller's own pages, and pages of the kernel's that hold a part of the caller's bytes
// and zeroes.
//
// The object has a reference to each frame, so what the caller does to its memory meanwhile (unmap
// it, end) takes nothing from the daemon; and revoke() takes the pages from every space that came
// to map them, so that nothing of the caller's stays with the daemon. Made and filled by one thread
// before anybody maps it.
//
// Lock: rank object, guards the frames against revoke().
#pragma once

#include "kernel/memory/user_space.h"
#include "vm/object/memory_object.h"

namespace kernel {

class LentPages final : public vm::MemoryObject {
 public:
  static constexpr uint64_t max_pages = 257;

  // Without frames yet. Error::out_of_memory. The caller's reference.
  [[nodiscard]] static base::Result<LentPages*> create(base::PageCount count, base::Access most);

  // Page `index` is `frame`, whose reference is the object's from now on. Once for each.
  void put(uint64_t index, base::Pfn frame) { frames_[index] = frame; }
  [[nodiscard]] base::Pfn frame(uint64_t index) const { return frames_[index]; }
  [[nodiscard]] uint8_t* window(uint64_t index) const;

  // Maps all pages into `space`, and takes them out of it and wherever else they were mapped since.
  // After revoke() the frames are the object's alone, unless somebody else holds them.
  // Error::out_of_memory, ...: as AddressSpace::map().
  [[nodiscard]] base::Result<base::UserAddr> map_into(UserSpace& space);
  void revoke(UserSpace& space, base::UserAddr at);
  // The frame of a page is not the object's any more. After revoke(), or before map_into().
  [[nodiscard]] base::Pfn take(uint64_t index) {
    return base::exchange(frames_[index], base::Pfn());
  }

  [[nodiscard]] base::PageCount size() const override { return count_; }
  [[nodiscard]] base::Access max_access() const override { return most_; }
  [[nodiscard]] vm::PageAnswer page(vm::ObjectPage page, vm::PageUse use) override;
  [[nodiscard]] vm::PageAnswer resident(vm::ObjectPage page) override {
    return this->page(page, vm::PageUse::read);
  }
  void check() override {}

 protected:
  void last_reference_gone() override;

 private:
  LentPages(base::PageCount count, base::Access most, base::Pfn* frames)
      : MemoryObject(vm::ObjectKind::physical, {this, &dispose}),
        count_(count),
        most_(most),
        frames_(frames) {}
  ~LentPages() = default;
  static void dispose(void* self, vm::MemoryObject&);

  const base::PageCount count_;
  const base::Access most_;
  base::Pfn* const frames_;  // heap; 0: none
  SpinLock lock_{LockRank::object};
  bool lent_ BASE_GUARDED_BY(lock_) = true;
};

}  // namespace kernel
