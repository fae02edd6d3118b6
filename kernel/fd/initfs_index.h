// InitfsIndex: the entries of a cpio archive ("newc") by name. The archive stays where it is; its
// contents are referred to, not copied.
//
// Built once, strictly checked: every entry lies inside the archive. Immutable afterwards; no lock.
// Hard limits: 65536 entries, 1023 bytes a name.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "kernel/fd/file_status.h"
#include "kernel/host/text.h"

namespace kernel {

struct InitfsEntry {
  Text name;                          // without leading "/" or "./"; "" is the root
  std::span<const uint8_t> contents;  // of a symbolic link: its target
  uint32_t mode;                      // file type and permissions, as stat has them
  uint32_t inode;                     // unique in the archive
  uint32_t links;
  uint32_t modified;  // seconds since 1970
};

// Counts the entries of `archive`; nullptr and *count, or what is wrong with it.
[[nodiscard]] const char* check_archive(std::span<const uint8_t> archive, uint64_t& count);

class InitfsIndex {
 public:
  static constexpr uint64_t max_entries = 65536;

  InitfsIndex() = default;
  InitfsIndex(const InitfsIndex&) = delete;
  InitfsIndex& operator=(const InitfsIndex&) = delete;

  // Fills the index. `storage` has room for `capacity` entries, at least what check_archive()
  // counted and one for the root and for each of `directories`, which are added, empty, unless the
  // archive has them. Of two entries of one name the first counts.
  void build(std::span<const uint8_t> archive, std::span<const Text> directories,
             InitfsEntry* storage, size_t capacity);

  // nullptr: there is no such entry.
  [[nodiscard]] const InitfsEntry* find(Text name) const;
  // The entry after `position` in the directory, which starts at 0; nullptr: no more.
  [[nodiscard]] const InitfsEntry* next_child(Text directory, uint64_t& position) const;

 private:
  // The first entry whose name is not less than `name`.
  [[nodiscard]] size_t lower_bound(Text name) const;
  void add_missing(Text name, size_t capacity);

  InitfsEntry* entries_ = nullptr;
  size_t count_ = 0;
};

}  // namespace kernel
