// CommandLine: the text of cmdline.txt, checked, and the one option that the loader itself obeys.
//
// Form: printable ASCII words separated by blanks; double quotes group (run="a b"), and a
// backslash in them takes the next character as it is. Trailing newlines belong to the file, not to
// the line.
// the line.
#pragma once

#include "outcome.h"

namespace boot {

struct CommandLine {
  static constexpr size_t max_size = 4095;  // bytes without the NUL

  size_t size = 0;      // bytes of the file that are the line
  unsigned levels = 4;  // levels=4|5: translation levels wished for
};

Outcome<CommandLine> parse_command_line(Bytes file);

}  // namespace boot
