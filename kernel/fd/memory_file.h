// MemoryFile: a file of memory alone (memfd_create(), `memory:`): it can be read, written, resized
// and mapped, all seeing the same pages, and goes with the last who has it open or mapped.
//
// The bytes of its last page past its size are zero unless a mapping wrote them. Lock: a mutex,
// held while bytes are moved and the size changes; mappings and faults do not take it.
#pragma once

#include "kernel/fd/seekable_file.h"

namespace kernel {

class MemoryFile final : public SeekableFile {
 public:
  static constexpr size_t max_name = 249;  // as Linux's

  MemoryFile(uint64_t number, vm::ObjectRef memory, Text name, uint32_t flags);

  size_t describe(char* text, size_t capacity) const override;
  Outcome<FileStatus> status() override;
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override;
  // ENOMEM; EFBIG: past the largest size.
  Outcome<uint64_t> write_at(Source& source, uint64_t position) override;
  Outcome<FileMapping> map(const MapRequest& request) override;
  // EFBIG.
  Outcome<> set_size(uint64_t size) override;

 protected:
  [[nodiscard]] uint64_t size() const override { return size_.load<base::Order::relaxed>(); }

 private:
  [[nodiscard]] Outcome<> resize_locked(uint64_t size) BASE_REQUIRES(lock_);
  [[nodiscard]] Outcome<> copy_in_locked(Source& source, uint64_t position) BASE_REQUIRES(lock_);

  const uint64_t number_;
  const vm::ObjectRef memory_;
  const uint64_t created_ns_;
  char name_[max_name + 1];
  size_t name_size_;
  mutable Mutex lock_;
  base::Atomic<uint64_t> size_{0};  // bytes; written under lock_
};

// A new, empty one. ENOMEM; EINVAL: the name is too long.
[[nodiscard]] Outcome<Ref<File>> make_memory_file(Text name, uint32_t flags);

}  // namespace kernel
