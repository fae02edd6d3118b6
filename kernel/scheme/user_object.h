// UserObject: the pages of a file that a user scheme serves, for mapping: one for each node of a
// queue while anybody maps it, shared by all who do. Pages are asked of the daemon when they are
// touched, some ahead of a sequential reader, and stored by it when they are dirty: by msync and
// fsync, and when nobody maps them any more, before they are given up.
//
// While it exists, reads and writes of the file see its pages (UserFile), so mappings and calls are
// coherent; the daemon learns of writes to mappings when they are stored.
//
// Lock: objects_lock, a spin lock, leaf: the list of objects, in which each has a reference, and
// their states. Nothing is called under it.
#pragma once

#include "kernel/memory/machine.h"
#include "kernel/process/mutex.h"
#include "kernel/scheme/user_queue.h"
#include "vm/object/paged.h"

namespace kernel {

class PageItem;

// Guards the list of objects, their states and items.
extern SpinLock objects_lock;

class UserObject final : public vm::Pager {
 public:
  using Paged = vm::Paged<FrameAllocator>;
  static constexpr uint64_t largest_file = uint64_t(1) << 46;

  // A reference to the object of `node`, made if there is none; `size` bytes is what the daemon
  // says now. ENOMEM; EOVERFLOW: too large.
  [[nodiscard]] static Outcome<vm::ObjectRef> find_or_make(UserQueue& queue, uint64_t node,
                                                           uint64_t size);
  // nullptr: nobody maps it. `held` keeps it.
  [[nodiscard]] static UserObject* find(UserQueue& queue, uint64_t node, vm::ObjectRef& held);

  UserObject(UserQueue& queue, uint64_t node, uint64_t size, Ref<QueueNote> forget);
  ~UserObject();

  [[nodiscard]] Paged& pages() { return pages_; }
  [[nodiscard]] UserQueue& queue() const { return *queue_; }
  [[nodiscard]] uint64_t node() const { return node_; }
  [[nodiscard]] uint64_t size() const { return size_.load<base::Order::acquire>(); }

  // The file has another size now. What is past it is gone; of the last page the rest is zeroes.
  void set_size(uint64_t size);
  // The daemon has taken `bytes` at `position`, which do not cross a page: whoever maps sees them.
  void wrote(uint64_t position, std::span<const uint8_t> bytes);
  // Pages are asked for anew.
  void drop(uint64_t offset, uint64_t size);
  // What is dirty is stored when this returns. EIO; EINTR: the thread has to end.
  [[nodiscard]] Outcome<> store();

  // Gives up every object that nobody maps, once its dirty pages are stored. No lock held.
  static void sweep();
  // Of a queue that has died.
  static void forget_all(UserQueue& queue);
  // What daemon `object` waits for; no reference: none.
  [[nodiscard]] static Ref<UserQueue> queue_of(const vm::MemoryObject& object);

  // ---- vm::Pager
  base::Status request(vm::MemoryObject&, vm::ObjectRange pages, uint64_t ticket) override;
  base::Status write_back(vm::MemoryObject&, const vm::WriteBack& pages) override;
  // A write-back is over.
  void written(uint64_t ticket, base::Status outcome);

  // PageItem's: those asked for, and whether one was since written to.
  void add_item(PageItem& item);
  void remove_item(PageItem& item);

 private:
  enum class State : uint8_t { live, giving_up };
  static void dispose(void* self, vm::MemoryObject&);
  void give_up();
  void mark_stale(vm::ObjectRange pages);

  const Ref<UserQueue> queue_;
  const uint64_t node_;
  Mutex resizing_;  // bytes and pages change together
  base::Atomic<uint64_t> size_;
  Ref<QueueNote> forget_;
  Paged pages_;

  // objects_lock.
  UserObject* next_ = nullptr;
  State state_ = State::live;
  PageItem* items_ = nullptr;  // asked of the daemon, not answered
};

}  // namespace kernel
