#include "user/tarfs/tar_header.h"

#include <string.h>
#include <sys/sysmacros.h>

namespace tarfs {

namespace {

// Where the fields are.
struct Field {
  size_t at;
  size_t size;
};
constexpr Field name_field{0, 100};
constexpr Field mode_field{100, 8};
constexpr Field user_field{108, 8};
constexpr Field group_field{116, 8};
constexpr Field size_field{124, 12};
constexpr Field modified_field{136, 12};
constexpr Field checksum_field{148, 8};
constexpr size_t type_at = 156;
constexpr Field target_field{157, 100};
constexpr size_t magic_at = 257;
constexpr Field major_field{329, 8};
constexpr Field minor_field{337, 8};
constexpr Field prefix_field{345, 155};

// Octal digits, between blanks or NULs; or GNU's: the top bit, then the number, its highest byte
// first.
bool read_number(const uint8_t* block, Field field, uint64_t& number) {
  const uint8_t* const bytes = block + field.at;
  number = 0;
  if ((bytes[0] & 0x80) != 0) {
    if (bytes[0] != 0x80) {
      return false;  // negative, or larger than anything
    }
    for (size_t i = 1; i < field.size; ++i) {
      if (number >> 55 != 0) {
        return false;
      }
      number = number << 8 | bytes[i];
    }
    return true;
  }
  size_t i = 0;
  while (i < field.size && bytes[i] == ' ') {
    ++i;
  }
  for (; i < field.size && bytes[i] >= '0' && bytes[i] <= '7'; ++i) {
    number = number << 3 | uint64_t(bytes[i] - '0');
  }
  return i == field.size || bytes[i] == ' ' || bytes[i] == '\0';
}

// Up to the NUL; what is appended to has room.
size_t append(char* to, size_t used, const uint8_t* block, Field field) {
  const char* const text = reinterpret_cast<const char*>(block + field.at);
  const size_t size = strnlen(text, field.size);
  memcpy(to + used, text, size);
  to[used + size] = '\0';
  return used + size;
}

bool is_sum_right(const uint8_t* block) {
  uint64_t wanted = 0;
  if (!read_number(block, checksum_field, wanted)) {
    return false;
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < block_size; ++i) {
    const bool blank = i >= checksum_field.at && i < checksum_field.at + checksum_field.size;
    sum += blank ? uint64_t(' ') : block[i];
  }
  return sum == wanted;
}

}  // namespace

HeaderKind read_header(const uint8_t* block, Header& header) {
  size_t zeroes = 0;
  while (zeroes < block_size && block[zeroes] == 0) {
    ++zeroes;
  }
  if (zeroes == block_size) {
    return HeaderKind::end;
  }
  // "ustar\0" "00", or GNU's "ustar  ", which has no prefix.
  const bool is_posix = memcmp(block + magic_at, "ustar\0", 6) == 0;
  const bool is_gnu = memcmp(block + magic_at, "ustar ", 6) == 0;
  uint64_t major = 0;
  uint64_t minor = 0;
  if (!(is_posix || is_gnu) || !is_sum_right(block) ||
      !read_number(block, mode_field, header.mode) ||
      !read_number(block, user_field, header.user) ||
      !read_number(block, group_field, header.group) ||
      !read_number(block, size_field, header.size) ||
      !read_number(block, modified_field, header.modified) ||
      !read_number(block, major_field, major) || !read_number(block, minor_field, minor)) {
    return HeaderKind::malformed;
  }
  header.device = makedev(unsigned(major), unsigned(minor));
  header.type = block[type_at] == 0 ? '0' : char(block[type_at]);
  size_t used = 0;
  if (is_posix && block[prefix_field.at] != 0) {
    used = append(header.name, 0, block, prefix_field);
    header.name[used++] = '/';
  }
  (void)append(header.name, used, block, name_field);
  (void)append(header.target, 0, block, target_field);
  return HeaderKind::member;
}

}  // namespace tarfs
