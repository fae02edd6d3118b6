#include "kernel/log/symbols.h"

#include <span>

#include "base/bits.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/elf_format.h"

namespace kernel {

namespace {

using Bytes = std::span<const uint8_t>;

// `count` objects at `offset` of the file; nullptr when they do not fit or are misaligned.
template <typename T>
const T* objects_at(Bytes file, uint64_t offset, uint64_t count) {
  const auto size = base::checked_mul<uint64_t>(count, sizeof(T));
  const auto end = base::checked_add<uint64_t>(offset, size.value);
  if (!size.ok || !end.ok || end.value > file.size() || offset % alignof(T) != 0) {
    return nullptr;
  }
  return reinterpret_cast<const T*>(file.data() + offset);
}

struct SymbolTable {
  const elf::Symbol* symbols = nullptr;
  uint64_t count = 0;
  const char* names = nullptr;
  uint64_t names_size = 0;
};

SymbolTable find_table(Bytes file) {
  const auto* header = objects_at<elf::Header>(file, 0, 1);
  if (header == nullptr) {
    return {};
  }
  const auto* sections =
      objects_at<elf::SectionHeader>(file, header->section_offset, header->section_count);
  if (sections == nullptr) {
    return {};
  }
  for (unsigned i = 0; i < header->section_count; ++i) {
    const elf::SectionHeader& section = sections[i];
    if (section.type != elf::section_symbols || section.link >= header->section_count) {
      continue;
    }
    const elf::SectionHeader& strings = sections[section.link];
    SymbolTable table;
    table.count = section.size / sizeof(elf::Symbol);
    table.symbols = objects_at<elf::Symbol>(file, section.offset, table.count);
    table.names_size = strings.size;
    table.names = objects_at<char>(file, strings.offset, strings.size);
    if (table.symbols != nullptr && table.names != nullptr) {
      return table;
    }
  }
  return {};
}

}  // namespace

std::optional<Symbol> find_symbol(uint64_t address) {
  const SymbolTable table = find_table(boot_kernel_elf());
  const elf::Symbol* best = nullptr;
  for (uint64_t i = 0; i < table.count; ++i) {
    const elf::Symbol& symbol = table.symbols[i];
    const unsigned type = symbol.info & 0xf;
    if (type == elf::symbol_function && symbol.value <= address && symbol.name < table.names_size &&
        (symbol.size == 0 || address - symbol.value < symbol.size) &&
        (best == nullptr || symbol.value > best->value)) {
      best = &symbol;
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }
  const char* name = table.names + best->name;
  return Symbol{Text(name, bounded_length(name, table.names_size - best->name)), best->value};
}

void readable_name(Text mangled, char* buffer, size_t capacity) {
  size_t used = 0;
  const auto put = [&](Text text) {
    for (const char c : text) {
      if (used + 1 < capacity) {
        buffer[used++] = c;
      }
    }
  };
  Text rest = mangled;
  bool done = false;
  if (rest.starts_with("_Z")) {
    rest.remove_prefix(2);
    rest.remove_prefix(rest.starts_with("N") ? 1 : 0);
    rest.remove_prefix(rest.starts_with("K") ? 1 : 0);  // const member
    rest.remove_prefix(rest.starts_with("L") ? 1 : 0);  // internal linkage
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      size_t length = 0;
      while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && length < 4096) {
        length = length * 10 + size_t(rest.front() - '0');
        rest.remove_prefix(1);
      }
      if (length == 0 || length > rest.size()) {
        break;
      }
      const Text part = rest.substr(0, length);
      put(done ? "::" : "");
      put(part == "_GLOBAL__N_1" ? Text("(anonymous)") : part);
      rest.remove_prefix(length);
      rest.remove_prefix(rest.starts_with("L") ? 1 : 0);
      done = true;
    }
  }
  if (!done) {
    used = 0;
    put(mangled);
  }
  buffer[used] = '\0';
}

}  // namespace kernel
