// PagePool: the memory of files, page by page, never more than a limit. Pages come from mappings of
// 256 KiB, which are given back as soon as none of their pages is used (one is kept).
//
// One thread. Not a byte of a page is set when it is taken.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tree {

class PagePool {
 public:
  static constexpr size_t page_size = 4096;

  // `limit`: pages in use at once.
  explicit PagePool(uint64_t limit) : limit_(limit) {}
  // Gives everything back, used or not.
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // nullptr: the limit, or the machine has no memory.
  [[nodiscard]] uint8_t* take();
  // `page` is from take() and is used by nobody any more.
  void give(uint8_t* page);

  [[nodiscard]] uint64_t used() const { return used_; }
  [[nodiscard]] uint64_t limit() const { return limit_; }
  // Bytes that are mapped for it.
  [[nodiscard]] uint64_t mapped_bytes() const;

 private:
  // The first page of a mapping says which of the others are free.
  static constexpr size_t chunk_size = 64 * page_size;
  struct Chunk {
    uint64_t free;  // bit i: page i; page 0 is this
    Chunk* next;    // in one of the two lists
    Chunk* previous;
  };
  struct List {
    Chunk* first = nullptr;
    void add(Chunk& chunk);
    void remove(Chunk& chunk);
  };
  static constexpr uint64_t all_free = ~UINT64_C(1);

  [[nodiscard]] static Chunk* map_chunk();
  static void unmap_all(List& list);

  const uint64_t limit_;
  uint64_t used_ = 0;
  uint64_t chunks_ = 0;
  Chunk* spare_ = nullptr;  // wholly free
  List some_free_;
  List full_;
};

}  // namespace tree
