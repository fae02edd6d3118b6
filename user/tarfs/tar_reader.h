// TarReader: makes a tree of what a tar archive lists; the bytes of its files stay in the archive.
//
// ustar, GNU's long names and large numbers, pax headers (path, linkpath, size, mtime). Names are
// taken relative to the root; one with ".." is refused. A member that comes again replaces the
// earlier one. What is not an archive, or ends early, is EINVAL and why() says what is wrong; the
// tree is then not to be used.
#pragma once

#include "user/tarfs/tar_header.h"
#include "user/tree/file_tree.h"

namespace tarfs {

class TarReader {
 public:
  // Source 0 of `archive` is the archive, `size` bytes. Both outlive the tree's files.
  TarReader(tree::Origin& archive, uint64_t size, tree::FileTree& tree)
      : archive_(archive), size_(size), tree_(tree) {}
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // 0, EINVAL, ENOSPC, or what the archive says.
  [[nodiscard]] int64_t read();
  [[nodiscard]] const char* why() const { return why_; }
  // Where in the archive.
  [[nodiscard]] uint64_t position() const { return at_; }

 private:
  static constexpr uint64_t max_text = 8192;  // of a long name, of a pax header

  [[nodiscard]] int64_t refuse(const char* why);
  // The text that follows a header, NUL-terminated, allocated.
  [[nodiscard]] int64_t read_text(uint64_t size, char*& text);
  [[nodiscard]] int64_t read_long_name(const Header& header);
  [[nodiscard]] int64_t read_pax(const Header& header);
  [[nodiscard]] int64_t set_pax(const char* key, const char* value, size_t size);
  [[nodiscard]] int64_t add_member(Header& header);
  [[nodiscard]] int64_t add_file(const Header& header, const char* path);
  // The path inside of the tree, in place. nullptr: it has "..".
  [[nodiscard]] static char* clean(char* name);
  [[nodiscard]] int64_t make_parents(char* path);
  [[nodiscard]] int64_t make_room(const char* path, uint32_t type);
  void forget_texts();

  tree::Origin& archive_;
  const uint64_t size_;
  tree::FileTree& tree_;
  uint64_t at_ = 0;  // of the next header
  const char* why_ = "";
  // From extra headers, for the next member.
  char* long_name_ = nullptr;
  char* long_target_ = nullptr;
  uint64_t pax_size_ = 0;
  uint64_t pax_modified_ = 0;
  bool has_size_ = false;
  bool has_modified_ = false;
};

}  // namespace tarfs
