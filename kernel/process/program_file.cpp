#include "kernel/process/program_file.h"

#include <cstring>

#include "kernel/memory/file_object.h"

namespace kernel {

bool ProgramFile::read(uint64_t offset, std::span<uint8_t> to) const {
  if (offset > size_ || size_ - offset < to.size()) {
    return false;
  }
  if (file_ == nullptr) {
    memcpy(to.data(), bytes_.data() + offset, to.size());
    return true;
  }
  Sink sink(to);
  const auto got = file_->read_at(sink, offset);
  return got.ok() && got.value() == to.size();
}

Outcome<vm::ObjectRef> ProgramFile::pages() const {
  if (file_ == nullptr) {
    return file_object(bytes_);
  }
  BASE_TRY_ASSIGN(FileMapping mapping,
                  file_->map({0, size_, base::Right::read | base::Right::execute, false}));
  return mapping.object ? Outcome<vm::ObjectRef>(base::move(mapping.object))
                        : Outcome<vm::ObjectRef>(Errno::no_device);
}

}  // namespace kernel
