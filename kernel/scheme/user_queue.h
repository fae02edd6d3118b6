// UserQueue: what is between the callers of a user scheme and its daemon: submissions that wait to
// be read, those that wait to be answered, and the window that short buffers are copied through.
//
// Tags are never used twice, so an unknown, repeated or foreign one is not found. Calls are
// bounded: each takes a slot (a page of the window) until the daemon has answered, even if its
// caller is gone; who finds none waits. `reserved_slots` are kept from calls that may wait for
// other calls (SCHEME_READ, SCHEME_POLL), so that those can be made.
//
// Lock: a spin lock, leaf but for wait queues'. Items are called without it.
#pragma once

#include "kernel/host/text.h"
#include "kernel/memory/shared_memory.h"
#include "kernel/process/wait_queue.h"
#include "kernel/scheme/queue_item.h"

namespace kernel {

class UserFile;

class UserQueue : public RefCounted<UserQueue> {
 public:
  static constexpr uint32_t slot_count = 256;
  static constexpr uint32_t reserved_slots = 32;
  // Pages asked for at once; more is refused.
  static constexpr uint32_t max_page_requests = 8192;

  explicit UserQueue(Text name);
  ~UserQueue();

  [[nodiscard]] Text name() const { return {name_, name_size_}; }

  // ---- The daemon's side

  // `space` serves from now on. EINVAL: it has begun; ENOMEM.
  [[nodiscard]] Outcome<> start(const Ref<UserSpace>& space, uint64_t flags);
  [[nodiscard]] bool is_started() const { return started_.load<base::Order::acquire>() != 0; }
  [[nodiscard]] bool has_flag(uint64_t flag) const { return is_started() && (flags_ & flag) != 0; }
  // Whether `space` may read and answer.
  [[nodiscard]] bool is_served_by(const UserSpace& space) const;
  // The one that does. No reference: none, or the daemon is gone.
  [[nodiscard]] Ref<UserSpace> space() const;
  // The process that read last, for scheme_waits.h. 0: none has.
  [[nodiscard]] uint32_t server() const { return server_.load<base::Order::relaxed>(); }
  void set_server(uint32_t process) { server_.store<base::Order::relaxed>(process); }

  // The next item to read; it is the reader's until one of the three that follow. No reference:
  // nothing waits.
  [[nodiscard]] Ref<QueueItem> take(uint64_t& tag);
  void delivered(QueueItem& item);
  void not_delivered(QueueItem& item);
  void delivery_failed(QueueItem& item);
  // Takes out what `tag` names. No reference: there is no such item.
  [[nodiscard]] Ref<QueueItem> take_answered(uint64_t tag);
  [[nodiscard]] bool has_waiting() const;
  [[nodiscard]] WaitQueue& readable() { return readable_; }

  // It is in the registry: the name leaves that with end().
  void set_registered() { registered_ = true; }
  // The daemon is gone: the name is free, everything is over, nothing more is submitted. Once; not
  // again.
  void end();
  // A process has left `space`: if no other has it, the queues that it serves end.
  static void space_left(UserSpace& space);
  [[nodiscard]] bool is_dead() const { return dead_.load<base::Order::acquire>() != 0; }

  // ---- The callers' side

  // ENODEV.
  [[nodiscard]] Outcome<> submit(Ref<QueueItem> item);
  // Takes an item back that has not been read. False: the daemon has it, or it is over.
  [[nodiscard]] bool withdraw(QueueItem& item);
  // Takes back one that was read and is not answered. False: it is not there.
  [[nodiscard]] bool revoke(QueueItem& item);
  // Tells the daemon that nobody wants `item` any more, if it has it.
  void cancel(QueueItem& item);

  enum class SlotUse : uint8_t { any, may_wait };
  // False: there is none just now. Without a slot: the daemon is gone.
  [[nodiscard]] bool try_slot(SlotUse use, uint32_t& slot);
  // try_slot() would have been true.
  [[nodiscard]] bool has_slot(SlotUse use) const;
  // Waits for a slot. ENODEV; EDEADLK: there will never be one; restart: a signal.
  [[nodiscard]] Outcome<uint32_t> take_slot(SlotUse use);
  void free_slot(uint32_t slot);
  // The slot's memory here, and where the daemon has it. ENOMEM.
  [[nodiscard]] Outcome<HeldPage> slot_page(uint32_t slot);
  [[nodiscard]] uint64_t slot_address(uint32_t slot) const {
    return window_address_ + slot * base::page_size;
  }

  // ---- Pages
  [[nodiscard]] bool may_request_pages() const {
    return page_requests_.load<base::Order::relaxed>() < max_page_requests;
  }
  void count_page_request(int32_t change) {
    page_requests_.fetch_add<base::Order::relaxed>(uint32_t(change));
  }

  // ---- Files that poll, by the daemon's number
  void add_poller(UserFile& file);
  void remove_poller(UserFile& file);
  // ENOENT: none has that number.
  [[nodiscard]] Outcome<> tell_events(uint64_t file, uint32_t events);

 private:
  static constexpr size_t bucket_count = 64;
  using Items = base::List<QueueItem, &QueueItem::node_>;

  [[nodiscard]] Items& bucket(uint64_t tag) BASE_REQUIRES(lock_) {
    return delivered_[tag % bucket_count];
  }

  [[nodiscard]] Outcome<> begin(const Ref<UserSpace>& space, uint64_t flags);
  void die();

  char name_[32];
  size_t name_size_;
  bool registered_ = false;  // set before anybody else has it

  // Set once by start().
  base::Atomic<uint32_t> claimed_{0};
  base::Atomic<uint32_t> started_{0};
  uint64_t flags_ = 0;
  vm::ObjectRef window_;
  uint64_t window_address_ = 0;

  base::Atomic<uint32_t> ended_{0};
  base::Atomic<uint32_t> dead_{0};  // written under lock_
  base::Atomic<uint32_t> server_{0};
  base::Atomic<uint32_t> page_requests_{0};
  mutable SpinLock lock_{LockRank::daemon_queue};
  Ref<UserSpace> space_ BASE_GUARDED_BY(lock_);
  UserQueue* next_serving_ = nullptr;  // all that have begun and not ended: a lock of their own
  Items waiting_ BASE_GUARDED_BY(lock_);
  Items delivered_[bucket_count] BASE_GUARDED_BY(lock_);
  uint64_t last_tag_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t used_slots_[slot_count / 64] BASE_GUARDED_BY(lock_) = {};
  uint32_t free_slots_ BASE_GUARDED_BY(lock_) = slot_count;
  UserFile* pollers_ BASE_GUARDED_BY(lock_) = nullptr;
  WaitQueue readable_;
  WaitQueue room_;
};

}  // namespace kernel
