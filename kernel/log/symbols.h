// symbols.h: names of kernel functions, from the .symtab of the kernel ELF that the loader kept.
//
// Every access is bounds checked: a file without symbols, or a damaged one, yields no names.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/host/text.h"

namespace kernel {

struct Symbol {
  Text name;  // as the linker has it; valid as long as boot memory
  uint64_t start;
};

// The function that contains `address`, nullopt when unknown. Callable in a panic.
[[nodiscard]] std::optional<Symbol> find_symbol(uint64_t address);

// The plain name of a mangled function without its parameters: `_ZN6kernel4mainEv` becomes
// `kernel::main`. Writes at most capacity - 1 bytes and a NUL; falls back to the name as it is.
// Nested and plain names only; template arguments end the translation.
void readable_name(Text mangled, char* buffer, size_t capacity);

}  // namespace kernel
