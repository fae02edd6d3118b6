#include "kernel/fd/simple_files.h"

namespace kernel {

SimpleFileTable::SimpleFileTable() {
  for (size_t i = 0; i < 3; ++i) {
    files_[i].kind = FileKind::console;
  }
}

SimpleFile* SimpleFileTable::find(uint64_t number) {
  return number < capacity && files_[number].kind != FileKind::closed ? &files_[number] : nullptr;
}

base::Result<uint64_t> SimpleFileTable::add(const SimpleFile& file, uint64_t least) {
  for (uint64_t number = least; number < capacity; ++number) {
    if (files_[number].kind == FileKind::closed) {
      files_[number] = file;
      return number;
    }
  }
  return base::Error::limit_exceeded;
}

}  // namespace kernel
