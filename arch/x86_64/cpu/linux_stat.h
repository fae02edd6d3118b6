// linux_stat.h: `struct stat` and open() flags as Linux has them on this architecture.
#pragma once

#include <cstdint>

namespace cpu {

struct LinuxStat {
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  uint32_t padding0;
  uint64_t special_device;
  int64_t size;
  int64_t block_size;
  int64_t blocks;
  struct {
    uint64_t seconds;
    uint64_t nanoseconds;
  } accessed, modified, changed;
  int64_t unused[3];
};
static_assert(sizeof(LinuxStat) == 144);

// These differ between architectures.
inline constexpr uint32_t open_direct = 040000;
inline constexpr uint32_t open_large_file = 0100000;
inline constexpr uint32_t open_directory = 0200000;
inline constexpr uint32_t open_no_follow = 0400000;

}  // namespace cpu
