#include "kernel/fd/file_table.h"

namespace kernel {

FileTable::FileTable() {
  for (size_t i = 0; i < 3; ++i) {
    files_[i].kind = FileKind::console;
  }
}

File* FileTable::find(uint64_t number) {
  return number < capacity && files_[number].kind != FileKind::closed ? &files_[number] : nullptr;
}

base::Result<uint64_t> FileTable::add(const File& file, uint64_t least) {
  for (uint64_t number = least; number < capacity; ++number) {
    if (files_[number].kind == FileKind::closed) {
      files_[number] = file;
      return number;
    }
  }
  return base::Error::limit_exceeded;
}

}  // namespace kernel
