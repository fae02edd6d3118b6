// DeferredReleases: references to objects that an operation gave up, until no lock is held and no
// CPU can reach the pages. Room is reserved before the operation's first change.
#pragma once

#include "vm/object/memory_object.h"
#include "vm/system.h"

namespace vm {

template <Machine M>
class DeferredReleases {
 public:
  explicit DeferredReleases(System<M>& system) : system_(system) {}
  DeferredReleases(const DeferredReleases&) = delete;
  DeferredReleases& operator=(const DeferredReleases&) = delete;
  ~DeferredReleases() { release_all(); }

  // Room for `count` more. Error::out_of_memory: as before.
  [[nodiscard]] base::Status reserve(uint64_t count) {
    uint64_t room = inline_capacity - inline_count_ + spare_;
    if (BASE_LIKELY(count <= room)) return {};
    while (room < count) {
      BASE_TRY_ASSIGN(const base::Pfn frame, system_.frames().allocate());
      auto* page = static_cast<Page*>(system_.host().window(frame));
      page->next = pages_;
      page->frame = frame.raw();
      page->count = 0;
      pages_ = page;
      spare_ += Page::capacity;
      room += Page::capacity;
    }
    return {};
  }

  [[nodiscard]] bool empty() const { return inline_count_ == 0; }

  void add(MemoryObject& object) {
    if (inline_count_ < inline_capacity) {
      inline_[inline_count_++] = &object;
      return;
    }
    Page* page = pages_;
    while (page != nullptr && page->count == Page::capacity) page = page->next;
    BASE_CHECK(page != nullptr, "release of an object not reserved");
    page->objects[page->count++] = &object;
    --spare_;
  }

  // No lock held, no epoch section open.
  void release_all() {
    if (BASE_UNLIKELY(inline_count_ != 0 || pages_ != nullptr)) release_some();
  }

 private:
  BASE_NOINLINE void release_some() {
    while (inline_count_ != 0) inline_[--inline_count_]->release();
    while (pages_ != nullptr) {
      Page* page = pages_;
      while (page->count != 0) page->objects[--page->count]->release();
      pages_ = page->next;
      system_.frames().free(base::Pfn(page->frame));
    }
    spare_ = 0;
  }

  static constexpr unsigned inline_capacity = 4;
  struct Page {
    static constexpr unsigned capacity = 509;
    Page* next;
    uint64_t frame;
    uint64_t count;
    MemoryObject* objects[capacity];
  };
  static_assert(sizeof(Page) == base::page_size);

  System<M>& system_;
  Page* pages_ = nullptr;
  uint64_t spare_ = 0;
  unsigned inline_count_ = 0;
  MemoryObject* inline_[inline_capacity];
};

}  // namespace vm
