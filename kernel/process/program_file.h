// ProgramFile: the file of a program as the loader sees it: bytes, and pages to map. Of the initial
// file system it is in memory; of a scheme's daemon it is read and mapped through the open file.
#pragma once

#include <span>

#include "kernel/fd/file.h"
#include "kernel/memory/user_space.h"

namespace kernel {

class ProgramFile {
 public:
  ProgramFile(std::span<const uint8_t> bytes) : bytes_(bytes), size_(bytes.size()) {}  // NOLINT
  // `size`: what the file says it is.
  ProgramFile(File& file, uint64_t size)
      : file_(file.constant_bytes().empty() ? &file : nullptr),
        bytes_(file.constant_bytes()),
        size_(file_ == nullptr ? bytes_.size() : size) {}

  [[nodiscard]] uint64_t size() const { return size_; }
  // All of it or nothing. May block.
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> to) const;
  // The file's pages, page 0 first. ENODEV: it cannot be mapped; ENOMEM.
  [[nodiscard]] Outcome<vm::ObjectRef> pages() const;

 private:
  File* file_ = nullptr;  // none: bytes_ is all
  std::span<const uint8_t> bytes_;
  uint64_t size_;
};

}  // namespace kernel
