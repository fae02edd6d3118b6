#include "kernel/scheme/user_queue.h"

#include "base/bits.h"
#include "kernel/memory/memory_tag.h"
#include "kernel/scheme/registry.h"
#include "kernel/scheme/scheme_waits.h"
#include "kernel/scheme/user_file.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

// The pages that short buffers go through, in the daemon's memory.
base::Result<uint64_t> map_window(UserSpace& space, vm::MemoryObject& window) {
  vm::MapRequest request;
  request.count = base::PageCount(UserQueue::slot_count);
  request.access = base::Right::read | base::Right::write;
  request.max_access = request.access;
  request.sharing = vm::Sharing::shared;
  request.object = &window;
  request.inherit = vm::Inherit::none;
  request.tag = uint32_t(MemoryTag::shared);
  BASE_TRY_ASSIGN(const base::VpnRange pages, space.vm().map(request));
  return base::UserAddr::of(pages.first()).raw();
}

// Those that have begun; each leaves before its descriptor is gone.
SpinLock serving_lock{LockRank::serving_queues};
UserQueue* serving BASE_GUARDED_BY(serving_lock) = nullptr;

}  // namespace

UserQueue::UserQueue(Text name) : name_size_(name.copy(name_, sizeof(name_))) {}

UserQueue::~UserQueue() = default;

// ---- The daemon's side

Outcome<> UserQueue::begin(const Ref<UserSpace>& space, uint64_t flags) {
  BASE_TRY_ASSIGN(window_, make_shared_memory(base::PageCount(slot_count)));
  BASE_TRY_ASSIGN(window_address_, map_window(*space, *window_.get()));
  flags_ = flags;
  const base::Guard guard(lock_);
  space_ = space;
  return {};
}

Outcome<> UserQueue::start(const Ref<UserSpace>& space, uint64_t flags) {
  if (claimed_.exchange<base::Order::acquire>(1) != 0) {
    return Errno::invalid;
  }
  const Outcome<> begun = begin(space, flags);
  if (!begun.ok()) {
    claimed_.store<base::Order::release>(0);
    return begun;
  }
  {
    const base::Guard guard(serving_lock);
    next_serving_ = base::exchange(serving, this);
  }
  started_.store<base::Order::release>(1);
  return {};
}

Ref<UserSpace> UserQueue::space() const {
  const base::Guard guard(lock_);
  return space_;
}

bool UserQueue::is_served_by(const UserSpace& space) const {
  const base::Guard guard(lock_);
  return is_started() && space_.get() == &space;
}

Ref<QueueItem> UserQueue::take(uint64_t& tag) {
  const base::Guard guard(lock_);
  QueueItem* item = waiting_.pop_front();
  if (item == nullptr) {
    return {};
  }
  item->step_ = QueueItem::Step::delivering;
  tag = item->tag_ = item->is_answered() ? ++last_tag_ : 0;
  bucket(tag).push_back(*item);
  return Ref<QueueItem>::share(*item);
}

void UserQueue::delivered(QueueItem& item) {
  bool over = false;
  {
    const base::Guard guard(lock_);
    if (item.step_ == QueueItem::Step::delivering) {
      item.step_ = QueueItem::Step::delivered;
      over = !item.is_answered();
      if (over) {
        bucket(item.tag_).remove(item);
        item.step_ = QueueItem::Step::outside;
      }
    }
  }
  if (over) {
    item.release();
  }
}

void UserQueue::not_delivered(QueueItem& item) {
  const base::Guard guard(lock_);
  if (item.step_ == QueueItem::Step::delivering) {
    bucket(item.tag_).remove(item);
    item.step_ = QueueItem::Step::waiting;
    waiting_.push_front(item);
  }
}

void UserQueue::delivery_failed(QueueItem& item) {
  {
    const base::Guard guard(lock_);
    if (item.step_ != QueueItem::Step::delivering) {
      return;
    }
    bucket(item.tag_).remove(item);
    item.step_ = QueueItem::Step::outside;
  }
  item.release();
}

Ref<QueueItem> UserQueue::take_answered(uint64_t tag) {
  const base::Guard guard(lock_);
  Items& items = bucket(tag);
  QueueItem* item = items.front();
  while (item != nullptr &&
         (item->tag_ != tag || item->step_ != QueueItem::Step::delivered || tag == 0)) {
    item = items.next(*item);
  }
  if (item == nullptr) {
    return {};
  }
  items.remove(*item);
  item->step_ = QueueItem::Step::outside;
  return Ref<QueueItem>::adopt(*item);
}

bool UserQueue::has_waiting() const {
  const base::Guard guard(lock_);
  return !waiting_.empty();
}

void UserQueue::die() {
  Items left;
  {
    const base::Guard guard(lock_);
    dead_.store<base::Order::release>(1);
    while (QueueItem* item = waiting_.pop_front()) {
      left.push_back(*item);
    }
    for (Items& items : delivered_) {
      while (QueueItem* item = items.pop_front()) {
        left.push_back(*item);
      }
    }
    for (QueueItem* item = left.front(); item != nullptr; item = left.next(*item)) {
      item->step_ = QueueItem::Step::outside;
    }
  }
  while (QueueItem* item = left.pop_front()) {
    item->failed(Errno::no_device);
    item->release();
  }
  room_.wake_all();
  readable_.wake_all();
  {
    const base::Guard guard(lock_);
    for (UserFile* file = pollers_; file != nullptr; file = file->next_poller) {
      file->add_events(poll_event::error | poll_event::hang_up);
    }
  }
  Ref<UserSpace> space;
  {
    const base::Guard guard(lock_);
    space = base::exchange(space_, {});
  }
  if (space) {
    (void)space->vm().unmap(
        base::VpnRange::of(base::UserAddr(window_address_).page(), base::PageCount(slot_count)));
  }
}

void UserQueue::end() {
  if (!registered_ || ended_.exchange<base::Order::acquire_release>(1) != 0) {
    return;
  }
  {
    const base::Guard guard(serving_lock);
    UserQueue** at = &serving;
    while (*at != nullptr && *at != this) {
      at = &(*at)->next_serving_;
    }
    if (*at != nullptr) {
      *at = next_serving_;
    }
  }
  (void)unregister_scheme(name());
  die();
  UserObject::forget_all(*this);
}

void UserQueue::space_left(UserSpace& space) {
  while (!space.has_users()) {
    Ref<UserQueue> left;
    {
      const base::Guard guard(serving_lock);
      UserQueue* at = serving;
      while (at != nullptr && !at->is_served_by(space)) {
        at = at->next_serving_;
      }
      if (at == nullptr) {
        return;
      }
      left = Ref<UserQueue>::share(*at);
    }
    left->end();
  }
}

// ---- The callers' side

Outcome<> UserQueue::submit(Ref<QueueItem> item) {
  {
    const base::Guard guard(lock_);
    if (is_dead()) {
      return Errno::no_device;
    }
    item->step_ = QueueItem::Step::waiting;
    waiting_.push_back(*item.take());
  }
  readable_.wake_one();
  return {};
}

bool UserQueue::withdraw(QueueItem& item) {
  {
    const base::Guard guard(lock_);
    if (item.step_ != QueueItem::Step::waiting) {
      return false;
    }
    waiting_.remove(item);
    item.step_ = QueueItem::Step::outside;
  }
  item.release();
  return true;
}

bool UserQueue::revoke(QueueItem& item) {
  {
    const base::Guard guard(lock_);
    if (item.step_ != QueueItem::Step::delivered) {
      return false;
    }
    bucket(item.tag_).remove(item);
    item.step_ = QueueItem::Step::outside;
  }
  item.release();
  return true;
}

void UserQueue::cancel(QueueItem& item) {
  uint64_t tag = 0;
  {
    const base::Guard guard(lock_);
    if (item.step_ != QueueItem::Step::delivering && item.step_ != QueueItem::Step::delivered) {
      return;
    }
    tag = item.tag_;
  }
  // Without memory the daemon is not told, and answers when it does.
  if (auto note = make_ref<QueueNote>(SCHEME_CANCEL, 0, tag); note.ok()) {
    (void)submit(base::move(note).value());
  }
}

bool UserQueue::try_slot(SlotUse use, uint32_t& slot) {
  const base::Guard guard(lock_);
  if (free_slots_ <= (use == SlotUse::may_wait ? reserved_slots : 0)) {
    return is_dead();
  }
  // The lowest: few pages of the window are ever used.
  for (uint32_t word = 0; word < slot_count / 64; ++word) {
    if (~used_slots_[word] != 0) {
      const auto bit = uint32_t(__builtin_ctzll(~used_slots_[word]));
      used_slots_[word] |= uint64_t(1) << bit;
      --free_slots_;
      slot = word * 64 + bit;
      return true;
    }
  }
  return false;
}

bool UserQueue::has_slot(SlotUse use) const {
  const base::Guard guard(lock_);
  return is_dead() || free_slots_ > (use == SlotUse::may_wait ? reserved_slots : 0);
}

Outcome<uint32_t> UserQueue::take_slot(SlotUse use) {
  uint32_t slot = slot_count;
  bool taken = false;
  const auto has_one = [&] { return has_slot(use); };
  SchemeWait waiting(*this, has_one);
  const WaitResult waited = wait_until(room_, WaitKind::interruptible, Deadline::never(), [&] {
    taken = try_slot(use, slot);
    return taken || waiting.is_hopeless();
  });
  if (waited != WaitResult::ready) {
    return Errno::restart;
  }
  if (!taken) {
    return Errno::would_deadlock;
  }
  return slot == slot_count ? Outcome<uint32_t>(Errno::no_device) : Outcome<uint32_t>(slot);
}

void UserQueue::free_slot(uint32_t slot) {
  {
    const base::Guard guard(lock_);
    used_slots_[slot / 64] &= ~(uint64_t(1) << (slot % 64));
    ++free_slots_;
  }
  room_.wake_all();
}

Outcome<HeldPage> UserQueue::slot_page(uint32_t slot) {
  return hold_or_make_page(*window_.get(), vm::ObjectPage(slot));
}

// ---- Files that poll

void UserQueue::add_poller(UserFile& file) {
  const base::Guard guard(lock_);
  file.next_poller = pollers_;
  pollers_ = &file;
}

void UserQueue::remove_poller(UserFile& file) {
  const base::Guard guard(lock_);
  UserFile** at = &pollers_;
  while (*at != nullptr && *at != &file) {
    at = &(*at)->next_poller;
  }
  if (*at != nullptr) {
    *at = file.next_poller;
  }
}

Outcome<> UserQueue::tell_events(uint64_t number, uint32_t events) {
  const base::Guard guard(lock_);
  bool found = false;
  for (UserFile* file = pollers_; file != nullptr; file = file->next_poller) {
    if (file->number() == number) {
      file->add_events(events);
      found = true;
    }
  }
  return found ? Outcome<>() : Outcome<>(Errno::no_entry);
}

}  // namespace kernel
