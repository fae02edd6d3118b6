// Files: a daemon for the tests: a small file system in memory, with a few wishes: file names that
// make it behave in ways the tests need.
#pragma once

#include "user/scheme/daemon.h"

class Files final : public scheme::Daemon {
 public:
  explicit Files(const char* name) : Daemon(name, SCHEME_IS_TREE) {}
  ~Files();

  int64_t open(const char* path, uint32_t flags, uint32_t mode, scheme::Opened& opened) override;
  int64_t dup(uint64_t file, const char* name, uint32_t flags, scheme::Opened& opened) override;
  void close(uint64_t file) override;
  int64_t read(uint64_t file, uint64_t offset, void* to, size_t size) override;
  int64_t write(uint64_t file, uint64_t offset, const void* from, size_t size,
                uint64_t& file_size) override;
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

  // How often read_pages() was asked, and for how many pages; forget().
  uint64_t page_requests = 0;
  uint64_t pages_read = 0;
  uint64_t forgotten = 0;
  uint64_t closed = 0;

 private:
  struct Node {
    uint32_t mode;
    uint32_t links;
    uint32_t user, group;
    uint64_t accessed_ns, modified_ns;
    uint64_t device;
    uint8_t* bytes;
    size_t size, capacity;
  };
  struct Name {
    char path[128];
    unsigned node;  // 0: free
  };
  static constexpr unsigned max_names = 256;

  [[nodiscard]] Name* find(const char* path);
  [[nodiscard]] Name* add(const char* path, unsigned node);
  [[nodiscard]] int64_t make(const char* path, uint32_t mode);
  [[nodiscard]] bool is_empty(const char* path) const;
  int64_t resize(Node& node, size_t size);
  void fill(const Node& node, unsigned number, scheme_status& status) const;
  void apply(Node& node, const scheme::Attributes& attributes);

  Name names_[max_names] = {};
  Node nodes_[max_names] = {};  // 1 is the root
};
