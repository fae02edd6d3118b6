// tar_header.h: one header block of a tar archive: ustar, with GNU's large numbers.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tarfs {

inline constexpr uint64_t block_size = 512;

enum class HeaderKind : uint8_t { member, end, malformed };

struct Header {
  static constexpr size_t max_name = 256;  // prefix, '/', name

  char type;  // '0' ... '7', 'L', 'K', 'x', 'g'
  char name[max_name + 1];
  char target[101];
  uint64_t size;
  uint64_t mode;
  uint64_t user;
  uint64_t group;
  uint64_t modified;  // seconds
  uint64_t device;    // makedev()
};

// `block` is 512 bytes of anything. A block of zeroes is the end. Malformed: the checksum is wrong,
// a number is none, or it is no ustar header.
[[nodiscard]] HeaderKind read_header(const uint8_t* block, Header& header);

}  // namespace tarfs
