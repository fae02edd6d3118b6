#include "kernel/driver/aml_sleep.h"

#include <cstddef>

namespace kernel {

namespace {

// AML opcodes (ACPI specification 6.4, 20.2).
constexpr uint8_t zero_op = 0x00;
constexpr uint8_t one_op = 0x01;
constexpr uint8_t name_op = 0x08;
constexpr uint8_t byte_prefix = 0x0a;
constexpr uint8_t package_op = 0x12;

class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, size_t at) : bytes_(bytes), at_(at) {}

  std::optional<uint8_t> next() {
    return at_ < bytes_.size() ? std::optional(bytes_[at_++]) : std::nullopt;
  }
  void skip(size_t count) { at_ += count; }

  // A constant that fits a byte.
  std::optional<uint8_t> constant() {
    const auto op = next();
    if (op == zero_op || op == one_op) {
      return op;
    }
    return op == byte_prefix ? next() : std::nullopt;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_;
};

bool names_s5(std::span<const uint8_t> aml, size_t at) {
  if (at + 4 > aml.size() || aml[at] != '_' || aml[at + 1] != 'S' || aml[at + 2] != '5' ||
      aml[at + 3] != '_') {
    return false;
  }
  const bool plain = at >= 1 && aml[at - 1] == name_op;
  const bool rooted = at >= 2 && aml[at - 1] == '\\' && aml[at - 2] == name_op;
  return plain || rooted;
}

}  // namespace

std::optional<SleepTypes> find_s5(std::span<const uint8_t> dsdt) {
  constexpr size_t table_header = 36;
  for (size_t at = table_header; at < dsdt.size(); ++at) {
    if (!names_s5(dsdt, at)) {
      continue;
    }
    Reader reader(dsdt, at + 4);
    if (reader.next() != package_op) {
      continue;
    }
    const auto length = reader.next();  // top two bits: how many more length bytes
    if (!length) {
      return std::nullopt;
    }
    reader.skip(*length >> 6);
    reader.skip(1);  // element count
    const auto a = reader.constant();
    const auto b = reader.constant();
    if (a && b && *a < 8 && *b < 8) {
      return SleepTypes{*a, *b};
    }
  }
  return std::nullopt;
}

}  // namespace kernel
