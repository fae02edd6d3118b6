// program.h: from a path and words to a program that has ended.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

inline constexpr size_t max_words = 64;

// Statuses of a program that never started, as shells have them.
inline constexpr uint8_t status_not_found = 127;
inline constexpr uint8_t status_not_executable = 126;

// Runs the program that words[0] names (a name without '/' is looked up in /bin) with `words` as
// its arguments, and returns its status when it has ended and nothing of it is left. What keeps
// it from starting is said in the log. words is not empty. Interrupts on, no thread running.
[[nodiscard]] uint8_t run_program(std::span<const Text> words);

// Splits at blanks, quotes honoured (' keeps everything, " knows \" and \\), and runs it. Words
// live in `line`, which is changed. An empty line is status 0.
[[nodiscard]] uint8_t run_line(std::span<char> line);

}  // namespace kernel
