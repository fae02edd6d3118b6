#include "initrd_check.h"

namespace boot {
namespace {

constexpr size_t header_size = 110;  // magic and 13 fields of 8 hexadecimal digits
constexpr size_t file_size_field = 6, name_size_field = 11;

// The value of header field `index`, or nothing the caller would accept for a non-digit.
Outcome<uint64_t> field(const uint8_t* header, size_t index) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) {
    const uint8_t c = header[6 + 8 * index + i];
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - uint64_t{'0'};
    } else if (c >= 'a' && c <= 'f') {
      digit = c - uint64_t{'a'} + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - uint64_t{'A'} + 10;
    } else {
      return Problem{Text("not a digit")};
    }
    value = value * 16 + digit;
  }
  return value;
}

constexpr uint64_t align4(uint64_t value) {
  return (value + 3) & ~uint64_t{3};
}

Text damaged(uint64_t offset) {
  return Text("initrd.cpio: damaged header at offset ").add_decimal(offset);
}

}  // namespace

Text check_initrd(Bytes file) {
  static constexpr char trailer[] = "TRAILER!!!";
  if (file.size < 6 || __builtin_memcmp(file.data, "070701", 6) != 0) {
    return Text("initrd.cpio: not a cpio archive of the newc kind");
  }
  uint64_t offset = 0;
  for (;;) {
    if (offset > file.size || file.size - offset < header_size) {
      return Text("initrd.cpio: truncated: ends without a trailer");
    }
    const uint8_t* header = file.data + offset;
    if (__builtin_memcmp(header, "070701", 6) != 0) return damaged(offset);
    const auto content_size = field(header, file_size_field);
    const auto name_size = field(header, name_size_field);
    if (!content_size || !name_size || *name_size == 0) return damaged(offset);
    const uint64_t name = offset + header_size;
    if (file.size - name < *name_size) return Text("initrd.cpio: truncated inside a name");
    if (file.data[name + *name_size - 1] != 0) return damaged(offset);
    if (*name_size == sizeof trailer &&
        __builtin_memcmp(file.data + name, trailer, sizeof trailer) == 0) {
      return Text();
    }
    const uint64_t content = align4(name + *name_size);
    if (content > file.size || file.size - content < *content_size) {
      return Text("initrd.cpio: truncated inside a file");
    }
    offset = align4(content + *content_size);
  }
}

}  // namespace boot
