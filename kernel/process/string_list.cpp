#include "kernel/process/string_list.h"

#include <cstring>

#include "kernel/memory/heap.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

StringList::~StringList() {
  heap_free(block_);
}

void StringList::swap(StringList& other) {
  base::swap(block_, other.block_);
  base::swap(size_, other.size_);
  base::swap(capacity_, other.capacity_);
  base::swap(count_, other.count_);
}

base::Status StringList::grow(size_t more) {
  if (more > max_bytes - size_ || count_ == max_count) {
    return base::Error::limit_exceeded;
  }
  if (size_ + more <= capacity_) {
    return {};
  }
  size_t capacity = capacity_ == 0 ? 1024 : capacity_;
  while (capacity < size_ + more) {
    capacity *= 2;
  }
  BASE_TRY_ASSIGN(void* block, heap_allocate(capacity));
  if (size_ != 0) {
    memcpy(block, block_, size_);
  }
  heap_free(block_);
  block_ = static_cast<char*>(block);
  capacity_ = capacity;
  return {};
}

base::Status StringList::add(Text text) {
  if (text.size() >= max_string) {
    return base::Error::limit_exceeded;
  }
  BASE_TRY(grow(text.size() + 1));
  text.copy(block_ + size_, text.size());
  block_[size_ + text.size()] = '\0';
  size_ += text.size() + 1;
  ++count_;
  return {};
}

// In growing pieces, since nothing says how long the string is.
base::Status StringList::add_from_user(base::UserAddr from) {
  for (size_t room = 256; room <= max_string; room *= 2) {
    BASE_TRY(grow(base::min(room, max_bytes - size_)));
    const size_t given = base::min(room, capacity_ - size_);
    const auto copied = copy_string_from_user(std::span(block_ + size_, given), from);
    if (copied) {
      size_ += copied.value().size() + 1;
      ++count_;
      return {};
    }
    if (copied.error() != base::Error::limit_exceeded || given == max_bytes - size_) {
      return copied.error();
    }
  }
  return base::Error::limit_exceeded;
}

base::Status StringList::add_array_from_user(base::UserAddr array) {
  if (array.raw() == 0) {
    return {};
  }
  for (uint64_t at = array.raw();; at += sizeof(uint64_t)) {
    BASE_TRY_ASSIGN(const uint64_t pointer, read_user<uint64_t>(base::UserAddr(at)));
    if (pointer == 0) {
      return {};
    }
    BASE_TRY(add_from_user(base::UserAddr(pointer)));
  }
}

base::Status StringList::add_all(const StringList& other, size_t skip) {
  size_t offset = 0;
  for (size_t i = 0; i < other.count(); ++i) {
    const Text text = other.at(offset);
    offset += text.size() + 1;
    if (i >= skip) {
      BASE_TRY(add(text));
    }
  }
  return {};
}

Text StringList::at(size_t offset) const {
  return {block_ + offset, strlen(block_ + offset)};
}

}  // namespace kernel
