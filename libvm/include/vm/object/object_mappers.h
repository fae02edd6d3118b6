// ObjectMappers: everybody who may have entries for pages of objects: the address spaces of one
// System. An object that loses or cleans pages reaches their entries through it.
//
// A walk visits every space: pages leave objects rarely (truncation, discard, eviction, sync), and
// keeping spaces in a list per object would cost every map and unmap. A space that maps no object
// answers at once.
//
// Lock: rank space and below all others of that rank: held while mappers are called, who take their
// own. Never acquired with any other lock of libvm held. A space joins when created and leaves when
// destroyed.
#pragma once

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
};

template <class Lock>
class ObjectMappers {
 public:
  ObjectMappers() = default;
  ObjectMappers(const ObjectMappers&) = delete;
  ObjectMappers& operator=(const ObjectMappers&) = delete;

  void join(ObjectMapper& mapper) {
    base::Guard guard(lock_);
    list_.push_back(mapper);
  }
  // When this returns `mapper` is not being called and never will be.
  void leave(ObjectMapper& mapper) {
    base::Guard guard(lock_);
    list_.remove(mapper);
  }

  void drop_pages(MemoryObject& object, ObjectRange pages) {
    base::Guard guard(lock_);
    for (ObjectMapper* at = list_.front(); at != nullptr; at = list_.next(*at)) {
      at->drop_pages(object, pages);
    }
  }
  void clean_pages(MemoryObject& object, ObjectRange pages) {
    base::Guard guard(lock_);
    for (ObjectMapper* at = list_.front(); at != nullptr; at = list_.next(*at)) {
      at->clean_pages(object, pages);
    }
  }

 private:
  Lock lock_ = base::lock_of<Lock>(base::LockRank::mappers);
  base::List<ObjectMapper, &ObjectMapper::mapper_node> list_ BASE_GUARDED_BY(lock_);
};

}  // namespace vm
