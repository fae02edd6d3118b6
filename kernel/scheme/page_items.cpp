#include "kernel/scheme/page_items.h"

#include <cstring>

#include "kernel/memory/frames.h"

namespace kernel {

namespace {

vm::FrameRecords& records() {
  return space_system().machine().records();
}

}  // namespace

// ---- PagesOfItem

Outcome<> PagesOfItem::make(base::PageCount count, base::Access most) {
  BASE_TRY_ASSIGN(lent_, LentPages::create(count, most));
  return {};
}

Outcome<> PagesOfItem::map(UserSpace& space) {
  const auto mapped = lent_->map_into(space);
  if (!mapped.ok()) {
    reset();
    return Errno::no_memory;
  }
  mapped_at_ = mapped.value();
  mapped_in_ = &space;
  return {};
}

void PagesOfItem::revoke() {
  if (UserSpace* space = base::exchange(mapped_in_, nullptr)) {
    lent_->revoke(*space, mapped_at_);
  }
}

void PagesOfItem::reset() {
  if (lent_ != nullptr) {
    revoke();
    base::exchange(lent_, nullptr)->release();
  }
}

// ---- PageItem

PageItem::PageItem(UserObject& object, vm::ObjectRange pages, uint64_t ticket)
    : held_(vm::ObjectRef::share(object.pages())), object_(object), pages_(pages), ticket_(ticket) {
  object_.add_item(*this);
}

PageItem::~PageItem() {
  object_.remove_item(*this);
}

Outcome<> PageItem::deliver(UserSpace& space, scheme_submission& to) {
  BASE_TRY(lent_.make(pages_.count(), base::Right::read | base::Right::write));
  for (uint64_t i = 0; i < pages_.count().raw(); ++i) {
    const auto frame = allocate_zeroed_frame();
    if (!frame.ok()) {
      lent_.reset();
      return Errno::no_memory;
    }
    records().of(frame.value()).set_state(vm::FrameState::object_page);
    lent_.pages().put(i, frame.value());
  }
  BASE_TRY(lent_.map(space));
  to.opcode = SCHEME_READ_PAGES;
  to.file = object_.node();
  to.value[0] = pages_.first().raw() << base::page_shift;
  to.buffer = lent_.address();
  to.size = pages_.count().raw() << base::page_shift;
  return {};
}

void PageItem::undeliver() {
  lent_.reset();
}

// The frames that the daemon has filled become the object's pages; pages that are not owed any more
// (cut off, failed) are freed.
void PageItem::attach() {
  lent_.revoke();
  for (uint64_t i = 0; i < pages_.count().raw(); ++i) {
    const vm::ObjectPage page = pages_.first() + base::PageCount(i);
    base::Pfn frame = lent_.pages().take(i);
    if (!records().of(frame).is_exclusive()) {
      // Somebody else still has it (another daemon that it was passed on to): its bytes only.
      const auto copy = allocate_frames(0);
      if (copy.ok()) {
        memcpy(frame_window(copy.value()), frame_window(frame), base::page_size);
      }
      space_system().machine().drop_frame(frame);
      if (!copy.ok()) {
        (void)object_.pages().fail(ticket_, vm::ObjectRange::single(page));
        continue;
      }
      frame = copy.value();
    }
    records().of(frame).set_state(vm::FrameState::owned);
    space_system().machine().mmu().sync_instructions(frame_window(frame),
                                                     base::Bytes(base::page_size));
    const auto offset = base::Bytes(page.raw() << base::page_shift);
    if (!object_.pages().attach(ticket_, offset, {&frame, 1}).ok()) {
      free_frames(frame, 0);
    }
  }
}

Outcome<> PageItem::answered(const scheme_answer& answer) {
  if (answer.result < 0) {
    failed(Errno::io);
    return {};
  }
  bool stale = false;
  {
    const base::Guard guard(objects_lock);
    stale = is_stale;
    is_stale = false;
  }
  if (stale) {
    // Written to since the daemon read it: asked for again.
    lent_.reset();
    if (auto again = make_ref<PageItem>(object_, pages_, ticket_); again.ok()) {
      Ref<PageItem> item = base::move(again).value();
      if (!object_.queue().submit(Ref<PageItem>(item)).ok()) {
        item->failed(Errno::no_device);
      }
      return {};
    }
    failed(Errno::no_memory);
    return {};
  }
  attach();
  return {};
}

void PageItem::failed(Errno) {
  lent_.reset();
  (void)object_.pages().fail(ticket_, pages_);
}

// ---- StoreItem

StoreItem::StoreItem(UserObject& object, const vm::WriteBack& pages)
    : held_(vm::ObjectRef::share(object.pages())),
      object_(object),
      ticket_(pages.ticket),
      first_(pages.first),
      count_(pages.frames.size()) {
  for (uint64_t i = 0; i < count_; ++i) {
    frames_[i] = pages.frames[i];
  }
}

Outcome<> StoreItem::deliver(UserSpace& space, scheme_submission& to) {
  const uint64_t offset = first_.raw() << base::page_shift;
  const uint64_t size = object_.size();
  const uint64_t count = offset >= size ? 0 : base::min(size - offset, count_ << base::page_shift);
  to.opcode = SCHEME_WRITE_PAGES;
  to.file = object_.node();
  to.value[0] = offset;
  to.size = count;
  if (count == 0) {
    return {};  // cut off meanwhile
  }
  BASE_TRY(lent_.make(base::PageCount(count_), base::Right::read));
  for (uint64_t i = 0; i < count_; ++i) {
    if (!records().of(frames_[i]).add_references().ok()) {
      lent_.reset();
      return Errno::no_memory;
    }
    lent_.pages().put(i, frames_[i]);
  }
  BASE_TRY(lent_.map(space));
  to.buffer = lent_.address();
  return {};
}

void StoreItem::undeliver() {
  lent_.reset();
}

Outcome<> StoreItem::answered(const scheme_answer& answer) {
  lent_.reset();
  object_.written(ticket_, answer.result < 0 ? base::Status(base::Error::io) : base::Status());
  return {};
}

void StoreItem::failed(Errno) {
  lent_.reset();
  object_.written(ticket_, base::Error::io);
}

}  // namespace kernel
