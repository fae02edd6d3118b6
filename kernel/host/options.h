// options.h: the kernel command line, parsed once, strictly.
//
// Words are separated by blanks; a value may be quoted with ", inside which \" and \\ stand for
// " and \. An unknown key is a warning; a malformed value is an error message and the default
// stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/host/text.h"

namespace kernel {

enum class LogTarget : uint8_t { console, debug };
enum class ConsoleMode : uint8_t { tty, pipe };
enum class PagingMode : uint8_t { lazy, eager };
enum class SelfTest : uint8_t { none, usercopy, all };
enum class PanicTest : uint8_t {
  none,
  null_pointer,
  stack_overflow,
  assertion,
  lock_order,
  reset,
  // Noticed by kernels built with kernel_sanitize=undefined alone.
  signed_overflow,
  wide_shift,
  array_index,
  misaligned,
  bad_bool,
  // Noticed by kernels built with kernel_sanitize=address alone.
  heap_overflow,
  heap_use_after_free,
  heap_double_free,
  frame_use_after_free,
  stack_array,
  global_array,
};

inline constexpr size_t max_run_line = 4096;
inline constexpr size_t max_mark = 64;
inline constexpr size_t max_variant = 16;
inline constexpr size_t max_root = 32;

struct Options {
  LogTarget log = LogTarget::console;
  bool exit_to_emulator = false;
  bool debug_messages = false;
  ConsoleMode console = ConsoleMode::tty;
  PagingMode paging = PagingMode::lazy;
  PanicTest panic_test = PanicTest::none;
  SelfTest self_test = SelfTest::none;
  bool randomise = true;
  bool screen = true;
  unsigned columns = 0;  // of the terminal behind the serial console, 0: unknown
  unsigned rows = 0;
  uint64_t cpus = 64;  // at most; possible_cpus() says how many there are
  bool has_run = false;
  char run[max_run_line]{};
  char console_mark[max_mark]{};
  char usercopy[max_variant]{};  // checked by the cpu layer
  char root[max_root]{};         // the scheme that becomes the root; empty: initfs
};

// Parses into the one Options. Call once, before options() is used.
void parse_command_line(Text line);
[[nodiscard]] const Options& options();

}  // namespace kernel
