// CopiedTree: a tree of files that are in another file system, copied lazily: names, links and
// attributes at once, bytes when they are asked for, and kept only once they are changed.
#pragma once

#include "user/tree/file_tree.h"

namespace ramfs {

class CopiedTree final : public tree::Origin {
 public:
  // `tree` outlives this, and its files need it.
  explicit CopiedTree(tree::FileTree& tree) : tree_(tree) {}
  ~CopiedTree();
  CopiedTree(const CopiedTree&) = delete;
  CopiedTree& operator=(const CopiedTree&) = delete;

  // Everything below the directory `from` comes into the root. -errno of the first thing that
  // failed; what came before is there.
  [[nodiscard]] int64_t add(const char* from);

  int64_t read(uint64_t id, uint64_t offset, void* to, size_t size) override;

 private:
  struct Source {
    char* path;
    int descriptor;  // -1: not open yet
  };
  static constexpr size_t max_path = 1024;

  [[nodiscard]] int64_t add_directory();
  [[nodiscard]] int64_t add_one();
  [[nodiscard]] int64_t add_source(tree::Inode& file, uint64_t size);
  [[nodiscard]] const char* inside() const;

  tree::FileTree& tree_;
  Source* sources_ = nullptr;
  size_t source_count_ = 0;
  size_t source_room_ = 0;
  // Where add() is, and how much of it is where it began.
  char path_[max_path];
  size_t start_ = 0;
};

}  // namespace ramfs
