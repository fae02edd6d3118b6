// initfs.h: the initial file system: a cpio archive ("newc" format) in boot memory, read-only.
// Names by themselves; how paths and links lead to them is the path walk's (kernel/scheme).
#pragma once

#include "kernel/fd/initfs_index.h"

namespace kernel {

// Takes the archive after checking it. Returns nullptr or what is wrong with it; a bad archive
// leaves an empty file system. Once.
[[nodiscard]] const char* mount_initfs(std::span<const uint8_t> archive);

[[nodiscard]] const InitfsIndex& initfs();

}  // namespace kernel
