#include "kernel/host/text.h"

#include "base/bits.h"

namespace kernel {

namespace {

std::optional<unsigned> digit(char c, unsigned radix) {
  unsigned value = 99;
  if (c >= '0' && c <= '9') {
    value = unsigned(c - '0');
  } else if (c >= 'a' && c <= 'f') {
    value = unsigned(c - 'a') + 10;
  } else if (c >= 'A' && c <= 'F') {
    value = unsigned(c - 'A') + 10;
  }
  return value < radix ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> parse_number(Text text) {
  unsigned radix = 10;
  if (text.starts_with("0x")) {
    radix = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : text) {
    const auto next = digit(c, radix);
    if (!next) {
      return std::nullopt;
    }
    const auto scaled = base::checked_mul<uint64_t>(value, radix);
    const auto sum = base::checked_add<uint64_t>(scaled.value, *next);
    if (!scaled.ok || !sum.ok) {
      return std::nullopt;
    }
    value = sum.value;
  }
  return value;
}

}  // namespace kernel
