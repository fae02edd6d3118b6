#include "kernel/fd/cpio.h"

#include "base/bits.h"

namespace kernel {

namespace {

constexpr size_t header_size = 110;
constexpr size_t field_size = 8;

// Fields of eight hexadecimal digits after the six bytes of magic, by index.
enum Field : size_t {
  field_inode = 0,
  field_mode = 1,
  field_links = 4,
  field_modified = 5,
  field_file_size = 6,
  field_name_size = 11,
  field_count = 13,
};
static_assert(6 + field_count * field_size == header_size);

std::optional<uint32_t> hex_field(const uint8_t* header, Field field) {
  const uint8_t* digits = header + 6 + field * field_size;
  uint32_t value = 0;
  for (size_t i = 0; i < field_size; ++i) {
    const uint8_t c = digits[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return std::nullopt;
    }
    value = (value << 4) | digit;
  }
  return value;
}

// Every field is checked, also those that nobody reads.
bool all_fields_hex(const uint8_t* header) {
  for (size_t field = 0; field < field_count; ++field) {
    if (!hex_field(header, Field(field))) {
      return false;
    }
  }
  return true;
}

bool has_magic(const uint8_t* header) {
  const Text magic(reinterpret_cast<const char*>(header), 6);
  return magic == "070701" || magic == "070702";
}

}  // namespace

std::optional<CpioEntry> CpioReader::fail(const char* why) {
  problem_ = why;
  return std::nullopt;
}

std::optional<CpioEntry> CpioReader::next() {
  if (problem_ != nullptr) {
    return std::nullopt;
  }
  if (at_ > archive_.size() || archive_.size() - at_ < header_size) {
    return fail("archive ends without a trailer");
  }
  const uint8_t* header = archive_.data() + at_;
  if (!has_magic(header)) {
    return fail("not a newc header");
  }
  if (!all_fields_hex(header)) {
    return fail("a header field is not hexadecimal");
  }
  const auto value = [header](Field field) { return *hex_field(header, field); };
  const uint32_t name_size = value(field_name_size);
  const uint32_t file_size = value(field_file_size);
  if (name_size == 0 || name_size > max_name + 1) {
    return fail("a name is empty or too long");
  }
  // All sums stay far below 2^64: offsets are below the archive's size, sizes below 2^32.
  const uint64_t name_at = at_ + header_size;
  const uint64_t name_end = name_at + name_size;
  if (name_end > archive_.size()) {
    return fail("a name reaches past the end of the archive");
  }
  const Text name(reinterpret_cast<const char*>(archive_.data() + name_at), name_size - 1);
  if (archive_[name_end - 1] != 0 || name.find('\0') != Text::npos) {
    return fail("a name is not terminated where it says");
  }
  if (name == "TRAILER!!!") {
    return std::nullopt;
  }
  const uint64_t contents_at = base::align_up<uint64_t>(name_end, 4);
  const uint64_t end = contents_at + file_size;
  if (end > archive_.size()) {
    return fail("an entry reaches past the end of the archive");
  }
  at_ = base::align_up<uint64_t>(end, 4);
  return CpioEntry{name,
                   archive_.subspan(contents_at, file_size),
                   value(field_mode),
                   value(field_inode),
                   value(field_links),
                   value(field_modified)};
}

std::optional<std::span<const uint8_t>> find_in_cpio(std::span<const uint8_t> archive, Text name) {
  constexpr uint32_t type_mask = 0170000;
  constexpr uint32_t regular = 0100000;
  CpioReader reader(archive);
  while (const auto entry = reader.next()) {
    const Text stored = entry->name.starts_with("./") ? entry->name.substr(2) : entry->name;
    if (stored == name && (entry->mode & type_mask) == regular) {
      return entry->contents;
    }
  }
  return std::nullopt;
}

}  // namespace kernel
