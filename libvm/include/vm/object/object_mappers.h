// ObjectMappers: everybody who may have entries for pages of objects: the address spaces of one
// System. An object that loses or cleans pages reaches their entries through it.
//
// A walk visits every space: pages leave objects rarely (truncation, discard, eviction, sync), and
// keeping spaces in a list per object would cost every map and unmap. A space that maps no object
// answers at once.
//
// Spaces come and go often, on every CPU: each joins the list of the CPU that makes it, so that
// CPUs which fork and exit at the same time write no line in common.
//
// While a walk is under way, entries must not move into a space that it has been to, from one that
// it has yet to visit. So whoever moves or copies entries from space to space asks is_walking()
// once it has the locks of both, and if so gives them back, waits, and starts over. If it finds no
// walk, one that begins later visits both spaces, after it has let go of them. (Dekker, for a list
// used for the first time: join() marks the list, then its caller asks; a walk announces itself,
// then looks for marks.)
//
// Locks: rank mappers, one of walks and one a list, in this order: held while mappers are called,
// who take their own. Never acquired with any other lock of libvm held but that of loans. A space
// joins when created and leaves when destroyed.
#pragma once

#include "base/atomic.h"
#include "base/bits.h"
#include "base/list.h"
#include "base/lock.h"
#include "vm/object/memory_object.h"

namespace vm {

class ObjectMapper {
 public:
  // Removes every present entry for `pages` of `object`, in mappings that share the object, and
  // in private ones where the page is still the object's. On return no CPU can reach the pages
  // through them. Marks the frames of dirty ones.
  virtual void drop_pages(MemoryObject& object, ObjectRange pages) = 0;
  // Makes every writable entry for `pages` of `object` clean and unwritable, marking the frames of
  // dirty ones. On return every later write faults.
  virtual void clean_pages(MemoryObject& object, ObjectRange pages) = 0;

  base::ListNode mapper_node;

 protected:
  ObjectMapper() = default;
  ~ObjectMapper() = default;
  // It has joined and not left: walks visit it.
  [[nodiscard]] bool has_joined() const { return list_ != no_list; }

 private:
  template <class Lock>
  friend class ObjectMappers;
  static constexpr uint32_t no_list = ~0u;

  uint32_t list_ = no_list;
};

template <class Lock>
class ObjectMappers {
 public:
  ObjectMappers() = default;
  ObjectMappers(const ObjectMappers&) = delete;
  ObjectMappers& operator=(const ObjectMappers&) = delete;

  // `cpu`: the one that the caller runs on; which list is a matter of speed alone.
  void join(ObjectMapper& mapper, uint32_t cpu = 0) {
    const uint32_t place = cpu % list_count;
    mapper.list_ = place;
    if ((used_.template load<base::Order::relaxed>() >> place & 1) == 0) {
      used_.template fetch_or<base::Order::sequential>(1ULL << place);
    }
    PerCpu& list = lists_[place];
    base::Guard guard(list.lock);
    list.mappers.push_back(mapper);
  }
  // When this returns `mapper` is not being called and never will be.
  void leave(ObjectMapper& mapper) {
    PerCpu& list = lists_[mapper.list_];
    base::Guard guard(list.lock);
    list.mappers.remove(mapper);
    mapper.list_ = ObjectMapper::no_list;
  }

  void drop_pages(MemoryObject& object, ObjectRange pages) {
    walk([&](ObjectMapper& mapper) { mapper.drop_pages(object, pages); });
  }
  void clean_pages(MemoryObject& object, ObjectRange pages) {
    walk([&](ObjectMapper& mapper) { mapper.clean_pages(object, pages); });
  }

  // With the locks of the spaces held between which entries are about to move.
  [[nodiscard]] bool is_walking() const {
    return walking_.template load<base::Order::sequential>() != 0;
  }
  // Returns when the walk that was found has ended. No lock held.
  void wait_for_walk() { base::Guard guard(walk_lock_); }

 private:
  static constexpr uint32_t list_count = 16;
  static_assert(list_count <= 64);
  struct alignas(128) PerCpu {
    Lock lock = base::lock_of<Lock>(base::LockRank::mappers);
    base::List<ObjectMapper, &ObjectMapper::mapper_node> mappers BASE_GUARDED_BY(lock);
  };

  template <class Visit>
  void walk(Visit&& visit) {
    base::Guard walk_guard(walk_lock_);
    walking_.template exchange<base::Order::sequential>(1);
    for (uint64_t rest = used_.template load<base::Order::sequential>(); rest != 0;
         rest &= rest - 1) {
      PerCpu& list = lists_[base::count_trailing_zeros(rest)];
      base::Guard guard(list.lock);
      for (ObjectMapper* at = list.mappers.front(); at != nullptr; at = list.mappers.next(*at)) {
        visit(*at);
      }
    }
    walking_.template store<base::Order::release>(0);
  }

  Lock walk_lock_ = base::lock_of<Lock>(base::LockRank::mappers);  // below the lists' in memory
  base::Atomic<uint32_t> walking_{0};                              // written with the lock held
  base::Atomic<uint64_t> used_{0};  // lists that a mapper has ever joined
  PerCpu lists_[list_count];
};

}  // namespace vm
