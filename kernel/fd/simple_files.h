// simple_files.h: a program's open files by number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "kernel/fd/initfs.h"

namespace kernel {

enum class FileKind : uint8_t { closed, console, initfs };

struct SimpleFile {
  FileKind kind = FileKind::closed;
  InitfsEntry entry{};    // initfs
  uint64_t position = 0;  // file: bytes; directory: next_in_directory()'s
  bool close_on_exec = false;
};

class SimpleFileTable {
 public:
  static constexpr size_t capacity = 64;

  // 0, 1 and 2 are the console.
  SimpleFileTable();

  // The open file `number`, nullptr when there is none.
  [[nodiscard]] SimpleFile* find(uint64_t number);
  // Puts `file` at the lowest free number from `least`. Error::limit_exceeded: the table is full.
  [[nodiscard]] base::Result<uint64_t> add(const SimpleFile& file, uint64_t least = 0);
  // Puts `file` at `number` < capacity, closing what was there.
  void replace(uint64_t number, const SimpleFile& file) { files_[number] = file; }

 private:
  SimpleFile files_[capacity];
};

}  // namespace kernel
