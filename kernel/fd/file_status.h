// file_status.h: what stat() tells of a file, apart from any architecture's layout.
#pragma once

#include <cstdint>

namespace kernel {

inline constexpr uint32_t mode_type = 0170000;
inline constexpr uint32_t mode_fifo = 0010000;
inline constexpr uint32_t mode_character = 0020000;
inline constexpr uint32_t mode_directory = 0040000;
inline constexpr uint32_t mode_block = 0060000;
inline constexpr uint32_t mode_regular = 0100000;
inline constexpr uint32_t mode_link = 0120000;
inline constexpr uint32_t mode_socket = 0140000;

// A device number as Linux's stat() shows it (major below 4096, minor below 256).
[[nodiscard]] constexpr uint64_t device_number(uint32_t major, uint32_t minor) {
  return uint64_t(major) << 8 | minor;
}

struct FileStatus {
  uint64_t device = 0;  // of the file system; each scheme has its own
  uint64_t inode = 0;
  uint32_t mode = 0;  // file type and permissions
  uint32_t links = 1;
  uint32_t user = 0;
  uint32_t group = 0;
  uint64_t special_device = 0;  // of a character device
  uint64_t size = 0;
  uint64_t blocks = 0;  // of 512 bytes
  uint64_t accessed_ns = 0;
  uint64_t modified_ns = 0;
  uint64_t changed_ns = 0;

  [[nodiscard]] bool is(uint32_t type) const { return (mode & mode_type) == type; }
};

}  // namespace kernel
