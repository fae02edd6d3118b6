#include "kernel/memory/lent_pages.h"

#include "kernel/memory/frames.h"

namespace kernel {

base::Result<LentPages*> LentPages::create(base::PageCount count, base::Access most) {
  BASE_CHECK(count.raw() <= max_pages, "more pages lent at once than there may be");
  BASE_TRY_ASSIGN(void* const frames, heap_allocate(count.raw() * sizeof(base::Pfn)));
  for (uint64_t i = 0; i < count.raw(); ++i) {
    base::construct_at<base::Pfn>(static_cast<base::Pfn*>(frames) + i);
  }
  const auto storage = heap_allocate(sizeof(LentPages));
  if (!storage.ok()) {
    heap_free(frames);
    return storage.error();
  }
  return new (base::Place{storage.value()}) LentPages(count, most, static_cast<base::Pfn*>(frames));
}

uint8_t* LentPages::window(uint64_t index) const {
  return static_cast<uint8_t*>(frame_window(frames_[index]));
}

base::Result<base::UserAddr> LentPages::map_into(UserSpace& space) {
  vm::MapRequest request;
  request.count = count_;
  request.access = most_;
  request.max_access = most_;
  request.sharing = vm::Sharing::shared;
  request.object = this;
  request.inherit = vm::Inherit::none;
  request.tag = uint32_t(MemoryTag::lent);
  BASE_TRY_ASSIGN(const base::VpnRange pages, space.vm().map(request));
  return base::UserAddr::of(pages.first());
}

void LentPages::revoke(UserSpace& space, base::UserAddr at) {
  const auto pages = base::VpnRange::of(at.page(), count_);
  bool whole = false;
  (void)space.vm().visit_mapping_at(pages.first(), [&](const vm::Mapping& mapping) {
    whole = mapping.object() == this && mapping.range() == pages;
  });
  // A split or a moved mapping is left for the daemon to tidy up, without pages.
  const bool unmapped = whole && space.vm().unmap(pages).ok();
  if (unmapped && references() == 1) {
    return;  // the usual case: nobody else can reach the pages
  }
  {
    const base::Guard guard(lock_);
    lent_ = false;
  }
  auto& objects = space_system().objects();
  objects.epochs.wait_for_readers();
  objects.mappers.drop_pages(*this, vm::ObjectRange::of(vm::ObjectPage(0), count_));
}

vm::PageAnswer LentPages::page(vm::ObjectPage page, vm::PageUse use) {
  if (use == vm::PageUse::write && !most_.can_write()) {
    return vm::PageAnswer::refused(base::Error::access_denied);
  }
  const base::Guard guard(lock_);
  if (!lent_ || page.raw() >= count_.raw()) {
    return vm::PageAnswer::refused(base::Error::bus);
  }
  const base::Pfn frame = frames_[page.raw()];
  vm::FrameRecord* record = space_system().machine().counted(frame);
  if (record != nullptr && !record->add_references().ok()) {
    return vm::PageAnswer::refused(base::Error::out_of_memory);
  }
  return vm::PageAnswer::of_page(frame, most_);
}

void LentPages::last_reference_gone() {
  for (uint64_t i = 0; i < count_.raw(); ++i) {
    if (frames_[i].raw() != 0) {
      space_system().machine().drop_frame(frames_[i]);
    }
  }
}

void LentPages::dispose(void* self, vm::MemoryObject&) {
  auto* object = static_cast<LentPages*>(self);
  heap_free(object->frames_);
  object->~LentPages();
  heap_free(object);
}

}  // namespace kernel
