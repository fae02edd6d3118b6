#include "kernel/scheme/user_object.h"

#include <cstring>

#include "base/bits.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/page_wait.h"
#include "kernel/memory/shared_memory.h"
#include "kernel/scheme/page_items.h"

namespace kernel {

SpinLock objects_lock{LockRank::daemon_objects};

namespace {

UserObject* objects BASE_GUARDED_BY(objects_lock) = nullptr;

// Pages that are asked for together.
constexpr uint64_t cluster = 16;

base::PageCount pages_for(uint64_t size) {
  return base::PageCount(base::align_up(size, base::page_size) >> base::page_shift);
}

vm::ObjectRange all_pages() {
  return {vm::ObjectPage(0), vm::ObjectPage(UserObject::largest_file >> base::page_shift)};
}

}  // namespace

UserObject::UserObject(UserQueue& queue, uint64_t node, uint64_t size, Ref<QueueNote> forget)
    : queue_(Ref<UserQueue>::share(queue)),
      node_(node),
      size_(size),
      forget_(base::move(forget)),
      pages_(space_system().objects(), *this, pages_for(size),
             base::Right::read | base::Right::write | base::Right::execute | base::Right::user,
             page_notifier(), {this, &dispose}) {}

UserObject::~UserObject() {
  if (forget_) {
    (void)queue_->submit(base::move(forget_));
  }
}

void UserObject::dispose(void* self, vm::MemoryObject&) {
  Owned<UserObject>(static_cast<UserObject*>(self)).reset();
}

UserObject* UserObject::find(UserQueue& queue, uint64_t node, vm::ObjectRef& held) {
  const base::Guard guard(objects_lock);
  for (UserObject* at = objects; at != nullptr; at = at->next_) {
    if (at->queue_.get() == &queue && at->node_ == node) {
      held = vm::ObjectRef::share(at->pages_);
      return at;
    }
  }
  return nullptr;
}

Outcome<vm::ObjectRef> UserObject::find_or_make(UserQueue& queue, uint64_t node, uint64_t size) {
  if (size > largest_file) {
    return Errno::overflow;
  }
  vm::ObjectRef held;
  if (UserObject* found = find(queue, node, held)) {
    if (found->size() != size) {
      found->set_size(size);
    }
    return held;
  }
  BASE_TRY_ASSIGN(Ref<QueueNote> forget, make_ref<QueueNote>(SCHEME_FORGET, node));
  BASE_TRY_ASSIGN(auto made, make_owned<UserObject>(queue, node, size, base::move(forget)));
  vm::ObjectRef ours = vm::ObjectRef::share(made->pages());
  UserObject* other = nullptr;
  {
    const base::Guard guard(objects_lock);
    for (other = objects; other != nullptr; other = other->next_) {
      if (other->queue_.get() == &queue && other->node_ == node) {
        held = vm::ObjectRef::share(other->pages_);
        break;
      }
    }
    if (other == nullptr) {
      made->next_ = base::exchange(objects, made.get());
    }
  }
  UserObject* object = made.release();
  if (other == nullptr) {
    if (queue.is_dead()) {
      forget_all(queue);
      return Errno::no_device;
    }
    return ours;
  }
  object->forget_.reset();  // nobody has heard of it
  object->pages_.release();
  return held;
}

// ---- Contents

// What the daemon was asked for before may be what was there before.
void UserObject::mark_stale(vm::ObjectRange pages) {
  const base::Guard guard(objects_lock);
  for (PageItem* item = items_; item != nullptr; item = item->next) {
    item->is_stale = item->is_stale || item->pages().overlaps(pages);
  }
}

void UserObject::set_size(uint64_t size) {
  const uint64_t rest = size % base::page_size;
  {
    const base::Guard guard(resizing_);
    size_.store<base::Order::release>(size);
    (void)pages_.resize(pages_for(size));
  }
  if (rest != 0) {
    mark_stale(vm::ObjectRange::single(vm::ObjectPage(size >> base::page_shift)));
    const auto page = hold_page(pages_, vm::ObjectPage(size >> base::page_shift));
    if (page.ok() && page.value()) {
      memset(page.value()->bytes() + rest, 0, base::page_size - rest);
    }
  }
}

void UserObject::wrote(uint64_t position, std::span<const uint8_t> bytes) {
  const uint64_t end = position + bytes.size();
  if (end > size()) {
    const base::Guard guard(resizing_);
    if (end > size()) {
      size_.store<base::Order::release>(end);
      (void)pages_.resize(pages_for(end));
    }
  }
  const vm::ObjectPage number(position >> base::page_shift);
  mark_stale(vm::ObjectRange::single(number));
  const auto page = hold_page(pages_, number);
  if (page.ok() && page.value()) {
    memcpy(page.value()->bytes() + position % base::page_size, bytes.data(), bytes.size());
  }
}

void UserObject::drop(uint64_t offset, uint64_t size) {
  const uint64_t first = offset >> base::page_shift;
  const uint64_t count = base::min(size, largest_file) >> base::page_shift;
  const auto range =
      vm::ObjectRange::of(vm::ObjectPage(first), base::PageCount(count)).intersect(all_pages());
  mark_stale(range);
  (void)pages_.discard(range);
}

Outcome<> UserObject::store() {
  vm::SyncRun run(all_pages());
  for (;;) {
    const vm::SyncAnswer answer = pages_.sync(run);
    switch (answer.kind()) {
      case vm::SyncAnswer::Kind::done: return {};
      case vm::SyncAnswer::Kind::failed: return Errno::io;
      case vm::SyncAnswer::Kind::wait: break;
    }
    vm::WaitToken token{vm::ObjectRef::share(pages_), answer.wait()};
    if (const PageWaitResult waited = wait_for_page(token); waited != PageWaitResult::over) {
      return waited == PageWaitResult::refused ? Errno::would_deadlock : Errno::interrupted;
    }
  }
}

// ---- The end

// Stores what is dirty, without waiting, and goes when nothing is. The list's reference and the
// caller's are the only ones; the caller's is given up.
void UserObject::give_up() {
  vm::SyncRun run(all_pages());
  bool over = pages_.sync(run).kind() != vm::SyncAnswer::Kind::wait;
  {
    const base::Guard guard(objects_lock);
    state_ = State::live;
    UserObject** at = &objects;
    while (*at != nullptr && *at != this) {
      at = &(*at)->next_;
    }
    // Not there any more: forget_all() has the list's reference.
    over = over && *at == this && pages_.references() == 2;
    if (over) {
      *at = next_;
    }
  }
  if (over) {
    pages_.release_not_last();  // the list's
  }
  pages_.release();
}

void UserObject::sweep() {
  for (;;) {
    UserObject* idle = nullptr;
    {
      const base::Guard guard(objects_lock);
      for (idle = objects; idle != nullptr; idle = idle->next_) {
        if (idle->pages_.references() == 1 && idle->state_ == State::live) {
          idle->state_ = State::giving_up;
          idle->pages_.retain();
          break;
        }
      }
    }
    if (idle == nullptr) {
      return;
    }
    // Kept until what is being stored is stored: that holds references, and sweeps when it is.
    idle->give_up();
  }
}

void UserObject::forget_all(UserQueue& queue) {
  for (;;) {
    UserObject* gone = nullptr;
    {
      const base::Guard guard(objects_lock);
      UserObject** at = &objects;
      while (*at != nullptr && (*at)->queue_.get() != &queue) {
        at = &(*at)->next_;
      }
      gone = *at;
      if (gone != nullptr) {
        *at = gone->next_;
      }
    }
    if (gone == nullptr) {
      return;
    }
    gone->pages_.pager_died();
    gone->pages_.release();
  }
}

Ref<UserQueue> UserObject::queue_of(const vm::MemoryObject& object) {
  const base::Guard guard(objects_lock);
  for (UserObject* at = objects; at != nullptr; at = at->next_) {
    if (&at->pages_ == &object) {
      return at->queue_;
    }
  }
  return {};
}

// ---- vm::Pager

base::Status UserObject::request(vm::MemoryObject&, vm::ObjectRange pages, uint64_t ticket) {
  for (vm::ObjectPage at = pages.first(); at < pages.end();) {
    const auto count = base::min(pages.end() - at, base::PageCount(PageItem::most_pages));
    if (!queue_->may_request_pages()) {
      return base::Error::out_of_memory;
    }
    BASE_TRY_ASSIGN(Ref<PageItem> item,
                    make_ref<PageItem>(*this, vm::ObjectRange::of(at, count), ticket));
    if (!queue_->submit(base::move(item)).ok()) {
      return base::Error::bus;
    }
    at += count;
  }
  if (pages.count() == base::PageCount(1)) {
    const vm::ObjectPage start(base::align_down(pages.first().raw(), cluster));
    pages_.will_need(vm::ObjectRange::of(start, base::PageCount(cluster)));
  }
  return {};
}

base::Status UserObject::write_back(vm::MemoryObject&, const vm::WriteBack& pages) {
  BASE_TRY_ASSIGN(Ref<StoreItem> item, make_ref<StoreItem>(*this, pages));
  return queue_->submit(base::move(item)).ok() ? base::Status() : base::Status(base::Error::dead);
}

void UserObject::written(uint64_t ticket, base::Status outcome) {
  (void)pages_.written(ticket, base::move(outcome));
}

void UserObject::add_item(PageItem& item) {
  const base::Guard guard(objects_lock);
  item.next = base::exchange(items_, &item);
  queue_->count_page_request(1);
}

void UserObject::remove_item(PageItem& item) {
  const base::Guard guard(objects_lock);
  PageItem** at = &items_;
  while (*at != &item) {
    at = &(*at)->next;
  }
  *at = item.next;
  queue_->count_page_request(-1);
}

}  // namespace kernel
