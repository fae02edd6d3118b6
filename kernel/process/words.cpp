#include "kernel/process/words.h"

namespace kernel {

namespace {
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
}  // namespace

std::optional<size_t> split_words(std::span<char> line, std::span<Text> words) {
  size_t count = 0;
  size_t at = 0;
  while (true) {
    while (at < line.size() && is_blank(line[at])) {
      ++at;
    }
    if (at == line.size()) {
      return count;
    }
    if (count == words.size()) {
      return std::nullopt;
    }
    const size_t start = at;
    size_t out = at;  // never passes `at`: unquoting only shortens
    char quote = '\0';
    for (; at < line.size() && (quote != '\0' || !is_blank(line[at])); ++at) {
      const char c = line[at];
      if (quote == '\0' && (c == '\'' || c == '"')) {
        quote = c;
      } else if (quote != '\0' && c == quote) {
        quote = '\0';
      } else if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
        line[out++] = line[++at];
      } else {
        line[out++] = c;
      }
    }
    if (quote != '\0') {
      return std::nullopt;
    }
    words[count++] = Text(line.data() + start, out - start);
  }
}

}  // namespace kernel
