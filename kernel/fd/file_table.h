// file_table.h: a process's open files by number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "kernel/fd/initfs.h"

namespace kernel {

enum class FileKind : uint8_t { closed, console, initfs };

struct File {
  FileKind kind = FileKind::closed;
  InitfsEntry entry{};    // initfs
  uint64_t position = 0;  // file: bytes; directory: next_in_directory()'s
  bool close_on_exec = false;
};

class FileTable {
 public:
  static constexpr size_t capacity = 64;

  // 0, 1 and 2 are the console.
  FileTable();

  // The open file `number`, nullptr when there is none.
  [[nodiscard]] File* find(uint64_t number);
  // Puts `file` at the lowest free number from `least`. Error::limit_exceeded: the table is full.
  [[nodiscard]] base::Result<uint64_t> add(const File& file, uint64_t least = 0);
  // Puts `file` at `number` < capacity, closing what was there.
  void replace(uint64_t number, const File& file) { files_[number] = file; }

 private:
  File files_[capacity];
};

}  // namespace kernel
