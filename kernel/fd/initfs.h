// initfs.h: the initial file system: a cpio archive ("newc" format) in boot memory, read-only.
//
// Checked once, strictly; afterwards every entry is known to lie inside the archive. Names are
// relative to "/". Hard limits: 65536 entries, 1023 bytes a name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernel/fd/file_status.h"
#include "kernel/host/text.h"
#include "kernel/scheme/last_link.h"

namespace kernel {

struct InitfsEntry {
  Text name;                          // without leading "/" or "./"; "" is the root
  std::span<const uint8_t> contents;  // of a symbolic link: its target
  uint32_t mode;                      // file type and permissions, as stat has them
  uint32_t inode;
  uint32_t links;
  uint32_t modified;  // seconds since 1970
};

// Takes the archive after checking it. Returns nullptr or what is wrong with it; a bad archive
// leaves an empty file system.
[[nodiscard]] const char* mount_initfs(std::span<const uint8_t> archive);

inline constexpr unsigned max_links = 8;

// The entry for an absolute or relative (to "/") path, with "." and ".." and every symbolic link
// on the way resolved; with `last` the final link itself. nullopt: not found, or a loop.
[[nodiscard]] std::optional<InitfsEntry> find_in_initfs(Text path, LastLink last);

// The entry after `position` in the directory `directory` (a name as above); advances `position`,
// which starts at 0. nullopt: no more.
[[nodiscard]] std::optional<InitfsEntry> next_in_directory(Text directory, uint64_t& position);

}  // namespace kernel
