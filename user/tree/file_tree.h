// FileTree: a file system in memory: paths, directories, links, rename, attributes, and the life of
// inodes. It knows nothing of who asks; tree_daemon.h serves one as a scheme.
//
// Paths are relative to the root, without "." and ".." ("" is the root); no part of a path is
// followed if it is a symbolic link. Results are those of the system calls, 0 or -errno, in Linux's
// order of errors; what fails has changed nothing. An Inode is valid while it has a name or is
// held.
#pragma once

#include "user/tree/inode.h"

namespace tree {

// Who makes a file, and what it is to be.
struct NewFile {
  uint32_t mode;  // with the type
  uint32_t user = 0;
  uint32_t group = 0;
  uint64_t device = 0;
};

struct AttributeChange {
  enum : uint64_t { mode_bits = 1, user_id = 2, group_id = 4, access_time = 8, modify_time = 16 };
  uint64_t mask;
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  uint64_t accessed_ns;
  uint64_t modified_ns;
};

class FileTree {
 public:
  static constexpr uint32_t max_links = 1u << 30;

  // `clock`: nanoseconds since 1970. `max_inodes`: then ENOSPC. The pool outlives the tree.
  FileTree(PagePool& pool, uint64_t (*clock)(), uint64_t max_inodes)
      : pool_(pool), clock_(clock), max_inodes_(max_inodes) {}
  ~FileTree();
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  // Makes the root. ENOMEM.
  [[nodiscard]] int64_t start(uint32_t mode);
  [[nodiscard]] Inode& root() { return *root_; }

  // ENOENT, ENOTDIR, ENAMETOOLONG.
  [[nodiscard]] int64_t find(const char* path, Inode*& found) const;
  // nullptr: there is none of that number.
  [[nodiscard]] Inode* by_number(uint64_t number) const;

  // EEXIST, ENOSPC, EMLINK. Regular files, directories, devices, pipes, sockets.
  [[nodiscard]] int64_t create(const char* path, const NewFile& file, Inode*& made);
  [[nodiscard]] int64_t symlink(const char* target, const char* path, const NewFile& owner);
  [[nodiscard]] int64_t link(const char* existing, const char* path);
  [[nodiscard]] int64_t unlink(const char* path);
  [[nodiscard]] int64_t rmdir(const char* path);
  // `flags`: renameat2()'s RENAME_NOREPLACE, RENAME_EXCHANGE.
  [[nodiscard]] int64_t rename(const char* from, const char* to, uint32_t flags);

  [[nodiscard]] int64_t set_attributes(Inode& inode, const AttributeChange& change);

  // Regular files; others EINVAL, directories EISDIR.
  [[nodiscard]] int64_t read(Inode& inode, uint64_t offset, void* to, size_t size);
  [[nodiscard]] int64_t write(Inode& inode, uint64_t offset, const void* from, size_t size);
  [[nodiscard]] int64_t resize(Inode& inode, uint64_t size);

  // Keeps an inode without names; let_go() ends it.
  void hold(Inode& inode) { ++inode.holds; }
  void let_go(Inode& inode);

  [[nodiscard]] uint64_t inodes() const { return inodes_; }
  [[nodiscard]] PagePool& pool() const { return pool_; }

  // Whether names, links, parents, pages and the table of inodes agree.
  [[nodiscard]] bool check() const;

 private:
  // Where a name is, or may be made.
  struct Place {
    Inode* parent;
    Name name;
    Entry* entry;  // nullptr: there is no such name
  };

  // EBUSY: the root; EINVAL: "." or "..".
  [[nodiscard]] int64_t locate(const char* path, Place& place) const;
  // ENOENT too.
  [[nodiscard]] int64_t locate_existing(const char* path, Place& place) const;
  [[nodiscard]] Inode* make_inode(const NewFile& file);
  [[nodiscard]] int64_t add_new(const Place& place, const NewFile& file, const char* target,
                                Inode*& made);
  void free_inode(Inode& inode);
  void drop_link(Inode& inode);
  // A directory that has no name any more.
  void drop_directory(Inode& directory, Inode& parent);
  void touch(Inode& inode) { inode.modified_ns = inode.changed_ns = clock_(); }
  void replace(Entry& entry, Inode& moved, Inode& parent);
  void exchange(const Place& from, const Place& to);
  // A directory has another parent now.
  void set_parent(Inode& directory, Inode& parent);
  [[nodiscard]] bool grow_table();
  [[nodiscard]] bool check_inode(const Inode& inode) const;

  PagePool& pool_;
  uint64_t (*const clock_)();
  const uint64_t max_inodes_;
  uint64_t inodes_ = 0;
  Inode* root_ = nullptr;
  // By number: slot number - 1. Free slots are in a list through `next_free`.
  union Slot {
    Inode* inode;
    uint64_t next_free;  // odd: index * 2 + 1; Inodes are even
  };
  Slot* table_ = nullptr;
  uint64_t table_size_ = 0;
  uint64_t first_free_ = 0;  // index; table_size_: none
};

}  // namespace tree
