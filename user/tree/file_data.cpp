#include "user/tree/file_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace tree {

namespace {

uint64_t min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

}  // namespace

void FileData::set_origin(Origin& origin, uint64_t id, uint64_t offset, uint64_t size) {
  origin_ = &origin;
  origin_id_ = id;
  origin_offset_ = offset;
  origin_size_ = size;
  size_ = size;
}

uint64_t FileData::blocks() const {
  const uint64_t own = pages_ * (page_size / 512);
  const uint64_t origin = (origin_size() + 511) / 512;
  return own > origin ? own : origin;
}

// ---- The tree of pages

uint8_t* FileData::find(uint64_t index) const {
  if ((index >> (node_bits * height_)) != 0) {
    return nullptr;
  }
  void* at = root_;
  for (unsigned level = height_; level != 0 && at != nullptr; --level) {
    at = static_cast<Node*>(at)->slots[index >> (node_bits * (level - 1)) & 63];
  }
  return static_cast<uint8_t*>(at);
}

void** FileData::make_slot(uint64_t index) {
  while ((index >> (node_bits * height_)) != 0) {
    if (root_ != nullptr) {
      Node* const above = static_cast<Node*>(calloc(1, sizeof(Node)));
      if (above == nullptr) {
        return nullptr;
      }
      above->slots[0] = root_;
      root_ = above;
    }
    ++height_;
  }
  void** slot = &root_;
  for (unsigned level = height_; level != 0; --level) {
    if (*slot == nullptr) {
      *slot = calloc(1, sizeof(Node));
      if (*slot == nullptr) {
        return nullptr;
      }
    }
    slot = &static_cast<Node*>(*slot)->slots[index >> (node_bits * (level - 1)) & 63];
  }
  return slot;
}

uint64_t FileData::next_in(void* const& slot, unsigned level, uint64_t index) {
  if (slot == nullptr) {
    return no_page;
  }
  if (level == 0) {
    return 0;
  }
  const unsigned shift = node_bits * (level - 1);
  const Node& node = *static_cast<Node*>(slot);
  for (uint64_t i = index >> shift; i < 64; ++i) {
    const uint64_t within = i == index >> shift ? index - (i << shift) : 0;
    const uint64_t found = next_in(node.slots[i], level - 1, within);
    if (found != no_page) {
      return (i << shift) + found;
    }
  }
  return no_page;
}

bool FileData::cut(PagePool& pool, void*& slot, unsigned level, uint64_t first) {
  if (slot == nullptr) {
    return true;
  }
  if (level == 0) {
    if (first != 0) {
      return false;
    }
    pool.give(static_cast<uint8_t*>(slot));
    --pages_;
    slot = nullptr;
    return true;
  }
  const unsigned shift = node_bits * (level - 1);
  Node& node = *static_cast<Node*>(slot);
  bool empty = true;
  for (uint64_t i = 0; i < 64; ++i) {
    const uint64_t start = i << shift;
    const uint64_t within = first > start ? first - start : 0;
    if (within < uint64_t(1) << shift) {
      empty = cut(pool, node.slots[i], level - 1, within) && empty;
    } else {
      empty = empty && node.slots[i] == nullptr;
    }
  }
  if (empty) {
    free(slot);
    slot = nullptr;
  }
  return empty;
}

int64_t FileData::fetch(uint64_t index, uint8_t* page) const {
  const uint64_t start = index * page_size;
  const uint64_t have = origin_size() > start ? min(origin_size() - start, page_size) : 0;
  const int64_t result =
      have == 0 ? 0 : origin_->read(origin_id_, origin_offset_ + start, page, size_t(have));
  memset(page + have, 0, size_t(page_size - have));
  return result;
}

int64_t FileData::make(PagePool& pool, uint64_t index, uint8_t*& page) {
  page = find(index);
  if (page != nullptr) {
    return 0;
  }
  uint8_t* const taken = pool.take();
  if (taken == nullptr) {
    return -ENOSPC;
  }
  const int64_t fetched = fetch(index, taken);
  void** const slot = fetched == 0 ? make_slot(index) : nullptr;
  if (slot == nullptr) {
    pool.give(taken);
    return fetched != 0 ? fetched : -ENOSPC;
  }
  *slot = taken;
  ++pages_;
  page = taken;
  return 0;
}

// ---- Bytes

int64_t FileData::read(uint64_t offset, void* to, size_t size) const {
  if (offset >= size_) {
    return 0;
  }
  size = size_t(min(size, size_ - offset));
  uint8_t* at = static_cast<uint8_t*>(to);
  size_t done = 0;
  while (done < size) {
    const uint64_t position = offset + done;
    const uint64_t index = position / page_size;
    size_t part = size_t(min(size - done, page_size - position % page_size));
    if (const uint8_t* const page = find(index)) {
      memcpy(at + done, page + position % page_size, part);
    } else if (position < origin_size()) {
      // As many pages as the origin has in a row.
      while (part < size - done && find((position + part) / page_size) == nullptr) {
        part += size_t(min(size - done - part, page_size));
      }
      part = size_t(min(part, origin_size() - position));
      const int64_t result = origin_->read(origin_id_, origin_offset_ + position, at + done, part);
      if (result != 0) {
        return done != 0 ? int64_t(done) : result;
      }
    } else {
      memset(at + done, 0, part);
    }
    done += part;
  }
  return int64_t(done);
}

int64_t FileData::write(PagePool& pool, uint64_t offset, const void* from, size_t size) {
  if (size == 0) {
    return 0;
  }
  if (offset >= max_size) {
    return -EFBIG;
  }
  size = size_t(min(size, max_size - offset));
  const uint8_t* const bytes = static_cast<const uint8_t*>(from);
  size_t done = 0;
  while (done < size) {
    const uint64_t position = offset + done;
    uint8_t* page = nullptr;
    const int64_t made = make(pool, position / page_size, page);
    if (made != 0) {
      return done != 0 ? int64_t(done) : made;
    }
    const size_t part = size_t(min(size - done, page_size - position % page_size));
    memcpy(page + position % page_size, bytes + done, part);
    done += part;
    size_ = size_ > position + part ? size_ : position + part;
  }
  return int64_t(done);
}

int64_t FileData::resize(PagePool& pool, uint64_t size) {
  if (size > max_size) {
    return -EFBIG;
  }
  if (size < size_) {
    if (uint8_t* const last = size % page_size != 0 ? find(size / page_size) : nullptr) {
      memset(last + size % page_size, 0, size_t(page_size - size % page_size));
    }
    (void)cut(pool, root_, height_, (size + page_size - 1) / page_size);
    if (root_ == nullptr) {
      height_ = 0;
    }
    origin_size_ = min(origin_size_, size);
  }
  size_ = size;
  return 0;
}

int64_t FileData::next_data(uint64_t offset) const {
  if (offset >= size_) {
    return -ENXIO;
  }
  if (offset < origin_size()) {
    return int64_t(offset);
  }
  const uint64_t index = offset / page_size;
  const bool below = (index >> (node_bits * height_)) == 0;
  const uint64_t found = below ? next_in(root_, height_, index) : no_page;
  // A page may have been made beyond the end by a write that failed.
  if (found == no_page || found * page_size >= size_) {
    return -ENXIO;
  }
  return int64_t(found == index ? offset : found * page_size);
}

int64_t FileData::next_hole(uint64_t offset) const {
  if (offset >= size_) {
    return -ENXIO;
  }
  uint64_t index = offset / page_size;
  if (!has_page(index)) {
    return int64_t(offset);
  }
  while (index * page_size < size_ && has_page(index)) {
    ++index;
  }
  return int64_t(min(index * page_size, size_));
}

void FileData::clear(PagePool& pool) {
  (void)resize(pool, 0);
}

bool FileData::check() const {
  uint64_t count = 0;
  for (uint64_t index = 0;; ++index) {
    const bool below = (index >> (node_bits * height_)) == 0;
    index = below ? next_in(root_, height_, index) : no_page;
    if (index == no_page) {
      break;
    }
    ++count;
    const uint8_t* const page = find(index);
    for (uint64_t i = 0; page != nullptr && i < page_size; ++i) {
      if (index * page_size + i >= size_ && page[i] != 0) {
        return false;
      }
    }
    if (page == nullptr) {
      return false;
    }
  }
  return count == pages_ && origin_size() <= size_;
}

}  // namespace tree
