// string_list.h: NUL-terminated strings one after another in one block: a program's arguments or
// environment. Move-only; the block is from the heap.
#pragma once

#include <cstddef>

#include "base/address.h"
#include "base/result.h"
#include "base/utility.h"
#include "kernel/host/text.h"

namespace kernel {

class StringList {
 public:
  // Of all strings with their NULs; a single one is at most max_string long.
  static constexpr size_t max_bytes = 512u << 10;
  static constexpr size_t max_string = 128u << 10;
  static constexpr size_t max_count = 32768;

  StringList() = default;
  StringList(StringList&& other) noexcept { swap(other); }
  StringList& operator=(StringList&& other) noexcept {
    swap(other);
    return *this;
  }
  ~StringList();

  // `text` holds no NUL. Error::limit_exceeded: too much; out_of_memory. Unchanged then.
  [[nodiscard]] base::Status add(Text text);
  // The string at `from` in the current user memory. Error::fault besides.
  [[nodiscard]] base::Status add_from_user(base::UserAddr from);
  // The strings named by a zero-ended array of pointers in user memory; address 0 is an empty list.
  // On an error some have been added.
  [[nodiscard]] base::Status add_array_from_user(base::UserAddr array);
  // All but the first `skip` strings of `other`.
  [[nodiscard]] base::Status add_all(const StringList& other, size_t skip);

  [[nodiscard]] size_t count() const { return count_; }
  // Every string with its NUL.
  [[nodiscard]] Text bytes() const { return {block_, size_}; }
  // The string that starts at `offset` of bytes(); the next one starts behind its NUL.
  [[nodiscard]] Text at(size_t offset) const;
  [[nodiscard]] Text first() const { return count_ == 0 ? Text() : at(0); }

 private:
  void swap(StringList& other);
  // Room for `more` bytes behind the last string.
  [[nodiscard]] base::Status grow(size_t more);

  char* block_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace kernel
