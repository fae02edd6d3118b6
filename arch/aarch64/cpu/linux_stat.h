// linux_stat.h: `struct stat` and open() flags as Linux has them on this architecture (the generic
// layout).
#pragma once

#include <cstdint>

namespace cpu {

struct LinuxStat {
  uint64_t device;
  uint64_t inode;
  uint32_t mode;
  uint32_t links;
  uint32_t user;
  uint32_t group;
  uint64_t special_device;
  uint64_t padding0;
  int64_t size;
  int32_t block_size;
  int32_t padding1;
  int64_t blocks;
  struct {
    uint64_t seconds;
    uint64_t nanoseconds;
  } accessed, modified, changed;
  int32_t unused[2];
};
static_assert(sizeof(LinuxStat) == 128);

// These differ between architectures.
inline constexpr uint32_t open_directory = 040000;
inline constexpr uint32_t open_no_follow = 0100000;
inline constexpr uint32_t open_direct = 0200000;
inline constexpr uint32_t open_large_file = 0400000;

}  // namespace cpu
