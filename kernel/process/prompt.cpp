#include "kernel/process/prompt.h"

#include "kernel/driver/console.h"
#include "kernel/fd/initfs.h"
#include "kernel/host/shutdown.h"
#include "kernel/log/format.h"
#include "kernel/process/program.h"

namespace kernel {

namespace {

constexpr Text blanks = " \t\r\n";

Text trim(Text text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == Text::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

void print_help() {
  console_write(
      "NAME [ARGUMENT...]  run a program (from /bin unless NAME has a slash)\n"
      "exit                power off with the last status\n"
      "programs:");
  uint64_t position = 0;
  while (const auto entry = next_in_directory("bin", position)) {
    console_write(" ");
    console_write(entry->name);
  }
  console_write("\n");
}

void report(uint8_t status) {
  if (status != 0) {
    char text[32];
    console_write(Text(text, format_into(text, sizeof(text), "status %u\n", unsigned(status))));
  }
}

}  // namespace

void prompt_loop() {
  static char line[1024];
  uint8_t status = 0;
  console_write("Type help for help.\n");
  for (;;) {
    console_write("libvm> ");
    const size_t size = console_read_line(line);
    const Text text = trim(Text(line, size));
    if (size == 0 || text == "exit") {
      exit_machine(status);
    }
    if (text == "help") {
      print_help();
    } else {
      status = run_line({line, size});
      report(status);
    }
  }
}

}  // namespace kernel
