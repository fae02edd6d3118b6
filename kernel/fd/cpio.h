// cpio.h: reading a cpio archive of the "newc" kind (cpio(5)): for each file a header of ASCII hex
// fields, the name with its NUL, and the contents, each padded to four bytes; the end is an entry
// named TRAILER!!!. Bounds checked at every step; nothing is trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

struct CpioEntry {
  Text name;  // as stored
  std::span<const uint8_t> contents;
  uint32_t mode;
  uint32_t inode;
  uint32_t links;
  uint32_t modified;
};

class CpioReader {
 public:
  static constexpr size_t max_name = 1023;

  explicit CpioReader(std::span<const uint8_t> archive, size_t offset = 0)
      : archive_(archive), at_(offset) {}

  // The next entry; nullopt at the trailer, or after a problem.
  [[nodiscard]] std::optional<CpioEntry> next();
  // Where next() will read.
  [[nodiscard]] size_t offset() const { return at_; }
  // nullptr, or why the archive is malformed.
  [[nodiscard]] const char* problem() const { return problem_; }

 private:
  std::optional<CpioEntry> fail(const char* why);

  std::span<const uint8_t> archive_;
  size_t at_;
  const char* problem_ = nullptr;
};

// The regular file of that name ("lib/font"), also where the archive has it as "./lib/font".
[[nodiscard]] std::optional<std::span<const uint8_t>> find_in_cpio(std::span<const uint8_t> archive,
                                                                   Text name);

}  // namespace kernel
