// words.h: cutting a command line into words.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

// Splits `line` at blanks into `words`, in place: the words point into it. 'text' is taken as it
// is; inside "text", and outside quotes, \ takes the next character as it is. Returns how many;
// nullopt: a quote is open at the end, or there are more than fit.
[[nodiscard]] std::optional<size_t> split_words(std::span<char> line, std::span<Text> words);

}  // namespace kernel
