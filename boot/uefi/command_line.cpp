#include "command_line.h"

namespace boot {
namespace {

bool is_blank(uint8_t c) {
  return c == ' ' || c == '\t';
}

bool starts_with(const uint8_t* word, size_t size, const char* text) {
  size_t at = 0;
  while (at < size && text[at] != '\0' && word[at] == static_cast<uint8_t>(text[at])) ++at;
  return text[at] == '\0';
}

bool equals(const uint8_t* word, size_t size, const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return size == length && starts_with(word, size, text);
}

}  // namespace

Outcome<CommandLine> parse_command_line(Bytes file) {
  CommandLine line;
  line.size = file.size;
  while (line.size > 0 && (file.data[line.size - 1] == '\n' || file.data[line.size - 1] == '\r')) {
    --line.size;
  }
  if (line.size > CommandLine::max_size) {
    return Problem{
        Text("cmdline.txt: longer than ").add_decimal(CommandLine::max_size).add(" bytes")};
  }
  for (size_t i = 0; i < line.size; ++i) {
    const uint8_t c = file.data[i];
    if ((c < 0x20 && c != '\t') || c > 0x7e) {
      return Problem{Text("cmdline.txt: byte ")
                         .add_hex(c)
                         .add(" at offset ")
                         .add_decimal(i)
                         .add(" is not printable ASCII")};
    }
  }
  size_t at = 0;
  while (at < line.size) {
    if (is_blank(file.data[at])) {
      ++at;
      continue;
    }
    const size_t start = at;
    bool quoted = false;
    while (at < line.size && (quoted || !is_blank(file.data[at]))) {
      if (quoted && file.data[at] == '\\' && at + 1 < line.size) {
        ++at;
      } else if (file.data[at] == '"') {
        quoted = !quoted;
      }
      ++at;
    }
    if (quoted) return Problem{Text("cmdline.txt: a double quote is never closed")};
    const uint8_t* word = file.data + start;
    const size_t size = at - start;
    if (!starts_with(word, size, "levels=")) continue;
    if (equals(word, size, "levels=5")) {
      line.levels = 5;
    } else if (equals(word, size, "levels=4")) {
      line.levels = 4;
    } else {
      return Problem{Text("cmdline.txt: levels must be 4 or 5")};
    }
  }
  return line;
}

}  // namespace boot
