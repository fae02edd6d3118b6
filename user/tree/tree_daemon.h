// TreeDaemon: serves a FileTree as a scheme: a file system.
//
// Files are numbers in a table of open files, nodes are inode numbers; each open file and each
// mapped node holds its inode. A number that is not in use is EBADF or EIO, never followed.
#pragma once

#include "user/scheme/daemon.h"
#include "user/tree/file_tree.h"

namespace tree {

enum class Changes : uint8_t { allowed, refused };

class TreeDaemon : public scheme::Daemon {
 public:
  // `type`: statfs()'s f_type.
  TreeDaemon(const char* name, FileTree& tree, Changes changes, uint64_t type)
      : Daemon(name, SCHEME_IS_TREE | (changes == Changes::refused ? SCHEME_IS_READ_ONLY : 0)),
        tree_(tree),
        changes_(changes),
        type_(type) {}
  virtual ~TreeDaemon();

  int64_t open(const char* path, uint32_t flags, uint32_t mode, scheme::Opened& opened) override;
  void close(uint64_t file) override;
  int64_t read(uint64_t file, uint64_t offset, void* to, size_t size) override;
  int64_t write(uint64_t file, uint64_t offset, const void* from, size_t size,
                uint64_t& file_size) override;
  int64_t seek(uint64_t file, uint64_t offset, int whence) override;
  int64_t stat(const char* path, scheme_status& status) override;
  int64_t fstat(uint64_t file, scheme_status& status) override;
  int64_t readlink(const char* path, char* target, size_t size) override;
  int64_t readdir(uint64_t file, uint64_t position, scheme::Entries& entries) override;
  int64_t ftruncate(uint64_t file, uint64_t size) override;
  int64_t unlink(const char* path) override;
  int64_t rmdir(const char* path) override;
  int64_t mkdir(const char* path, uint32_t mode) override;
  int64_t mknod(const char* path, uint32_t mode, uint64_t device) override;
  int64_t rename(const char* from, const char* to, uint32_t flags) override;
  int64_t link(const char* existing, const char* path) override;
  int64_t symlink(const char* target, const char* path) override;
  int64_t setattr(const char* path, const scheme::Attributes& attributes) override;
  int64_t fsetattr(uint64_t file, const scheme::Attributes& attributes) override;
  int64_t statfs(scheme::Usage& usage) override;
  int64_t mmap(uint64_t file, uint64_t offset, uint64_t size, uint32_t protection,
               bool shared) override;
  int64_t read_pages(uint64_t node, uint64_t offset, void* to, size_t size) override;
  int64_t write_pages(uint64_t node, uint64_t offset, const void* from, size_t size) override;
  void forget(uint64_t node) override;

  // Open files, for tests.
  [[nodiscard]] uint64_t open_files() const { return open_count_; }

 protected:
  // Who makes the call that is being handled.
  [[nodiscard]] virtual scheme_caller caller() const { return request().caller; }

 private:
  // Free slots are in a list.
  struct OpenFile {
    Inode* inode;  // nullptr: free
    uint64_t next_free;
  };

  [[nodiscard]] bool is_read_only() const { return changes_ == Changes::refused; }
  [[nodiscard]] NewFile new_file(uint32_t mode, uint64_t device = 0) const;
  [[nodiscard]] bool grow_files();
  [[nodiscard]] int64_t open_inode(Inode& inode, uint32_t flags, scheme::Opened& opened);
  // nullptr: no such open file.
  [[nodiscard]] Inode* inode_of(uint64_t file) const;

  FileTree& tree_;
  const Changes changes_;
  const uint64_t type_;
  OpenFile* files_ = nullptr;
  uint64_t file_room_ = 0;
  uint64_t first_free_ = 0;  // file_room_: none
  uint64_t open_count_ = 0;
};

}  // namespace tree
