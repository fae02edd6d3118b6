// Inode: a file of any kind, without its names.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include "user/tree/directory.h"
#include "user/tree/file_data.h"

namespace tree {

struct Inode {
  uint64_t number;
  uint32_t mode;   // with the type
  uint32_t links;  // names; of a directory also its "." and its subdirectories' ".."
  uint32_t user;
  uint32_t group;
  uint64_t device;  // of a device node
  uint64_t accessed_ns;
  uint64_t modified_ns;
  uint64_t changed_ns;
  uint64_t holds;  // uses besides names: it stays without a name while there are any
  bool is_mapped;  // the kernel holds it, until it forgets

  FileData data;           // regular files
  char* target = nullptr;  // symbolic links
  size_t target_size = 0;
  Directory* directory = nullptr;  // directories
  Inode* parent = nullptr;         // directories: itself for the root, nullptr once removed

  // nullptr: no memory.
  static void* operator new(size_t size) noexcept { return malloc(size); }
  static void operator delete(void* inode) { free(inode); }

  [[nodiscard]] bool is_directory() const { return S_ISDIR(mode); }
  [[nodiscard]] bool is_regular() const { return S_ISREG(mode); }
  [[nodiscard]] bool is_link() const { return S_ISLNK(mode); }
};

}  // namespace tree
