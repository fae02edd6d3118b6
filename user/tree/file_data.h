// FileData: the bytes of a regular file: a sparse array of pages. A page that was never written
// takes no memory: it comes from the file's origin, or is zeroes.
//
// Pages hang in a tree of 64 a node, as high as the highest page needs. In a page that is there,
// bytes past the end of the file are zeroes; an origin ends at the end of the file or before.
//
// Results are those of the system calls: bytes, or -errno.
#pragma once

#include "user/tree/page_pool.h"

namespace tree {

// Where bytes come from that nobody has written yet: another file, an archive.
class Origin {
 public:
  // Fills `to` with bytes from `offset` of source `id`. 0, or -errno.
  virtual int64_t read(uint64_t id, uint64_t offset, void* to, size_t size) = 0;

 protected:
  ~Origin() = default;
};

class FileData {
 public:
  static constexpr uint64_t page_size = PagePool::page_size;
  static constexpr uint64_t max_size = uint64_t(1) << 47;

  FileData() = default;
  FileData(const FileData&) = delete;
  FileData& operator=(const FileData&) = delete;

  // Of an empty file: `size` bytes from `offset` of the origin's source `id`. The origin outlives
  // the file.
  void set_origin(Origin& origin, uint64_t id, uint64_t offset, uint64_t size);

  [[nodiscard]] uint64_t size() const { return size_; }
  // Pages that take memory.
  [[nodiscard]] uint64_t pages() const { return pages_; }

  // In units of 512 bytes, what it takes here and in its origin.
  [[nodiscard]] uint64_t blocks() const;

  // Bytes up to the end of the file; -errno of the origin when there were none before.
  [[nodiscard]] int64_t read(uint64_t offset, void* to, size_t size) const;
  // Bytes taken, fewer when memory ends: ENOSPC; EFBIG at `max_size`. The file grows to hold them.
  [[nodiscard]] int64_t write(PagePool& pool, uint64_t offset, const void* from, size_t size);
  // EFBIG, unchanged.
  [[nodiscard]] int64_t resize(PagePool& pool, uint64_t size);
  // The next byte of data, or of a hole, from `offset` on; the end is a hole. ENXIO.
  [[nodiscard]] int64_t next_data(uint64_t offset) const;
  [[nodiscard]] int64_t next_hole(uint64_t offset) const;
  // Frees all pages; an empty file.
  void clear(PagePool& pool);

  // Whether what the comment above promises holds.
  [[nodiscard]] bool check() const;

 private:
  static constexpr unsigned node_bits = 6;
  static constexpr uint64_t no_page = ~uint64_t(0);
  struct Node {
    void* slots[1u << node_bits];  // nodes, or pages at the lowest level
  };

  [[nodiscard]] uint64_t origin_size() const { return origin_ == nullptr ? 0 : origin_size_; }
  [[nodiscard]] uint8_t* find(uint64_t index) const;
  // The page, with its contents. ENOSPC, or what the origin says.
  [[nodiscard]] int64_t make(PagePool& pool, uint64_t index, uint8_t*& page);
  [[nodiscard]] int64_t fetch(uint64_t index, uint8_t* page) const;
  // Makes the way to page `index`; its slot, nullptr: no memory.
  [[nodiscard]] void** make_slot(uint64_t index);
  // The first page that is there, from `index` on.
  [[nodiscard]] static uint64_t next_in(void* const& slot, unsigned level, uint64_t index);
  // Frees the pages from `first` on below a slot; whether the slot is empty now.
  bool cut(PagePool& pool, void*& slot, unsigned level, uint64_t first);
  [[nodiscard]] bool has_page(uint64_t index) const {
    return index * page_size < origin_size() || find(index) != nullptr;
  }

  uint64_t size_ = 0;
  uint64_t pages_ = 0;
  void* root_ = nullptr;  // page 0 if height_ is 0, else a node
  unsigned height_ = 0;
  Origin* origin_ = nullptr;
  uint64_t origin_id_ = 0;
  uint64_t origin_offset_ = 0;
  uint64_t origin_size_ = 0;
};

}  // namespace tree
