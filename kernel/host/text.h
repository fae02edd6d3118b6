// text.h: bounded strings in kernel memory: a view, and the few questions asked of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kernel {

using Text = std::string_view;

// strnlen.
[[nodiscard]] constexpr size_t bounded_length(const char* text, size_t limit) {
  size_t size = 0;
  while (size < limit && text[size] != '\0') {
    ++size;
  }
  return size;
}

// Decimal, or hexadecimal after 0x; nullopt for anything else or past 2^64.
[[nodiscard]] std::optional<uint64_t> parse_number(Text text);

}  // namespace kernel
