#include "usercopy/exception_table.h"

#include "base/address.h"

// The linker defines these around the section of that name.
extern "C" {
extern const usercopy::ExceptionEntry __start_usercopy_table[];
extern const usercopy::ExceptionEntry __stop_usercopy_table[];
}

namespace usercopy {

const ExceptionEntry* exception_table_begin() {
  return __start_usercopy_table;
}
const ExceptionEntry* exception_table_end() {
  return __stop_usercopy_table;
}

namespace {

// The entry of that instruction, or nullptr.
const ExceptionEntry* find_entry(uintptr_t pc) {
  const ExceptionEntry* low = exception_table_begin();
  const ExceptionEntry* high = exception_table_end();
  while (low < high) {
    const ExceptionEntry* middle = low + (high - low) / 2;
    const uintptr_t instruction = middle->instruction();
    if (instruction == pc) {
      return middle;
    }
    if (instruction < pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return nullptr;
}

}  // namespace

uintptr_t find_fixup(uintptr_t pc, uint64_t address, AccessKind kind, uint64_t limit) {
  if (address >= limit + base::page_size) {
    return 0;
  }
  const ExceptionEntry* entry = find_entry(pc);
  return entry != nullptr && (entry->kind & uint32_t(kind)) != 0 ? entry->continuation() : 0;
}

uintptr_t find_restart(uintptr_t pc) {
  const ExceptionEntry* entry = find_entry(pc);
  return entry != nullptr ? entry->continuation() : 0;
}

bool exception_table_is_sorted() {
  for (const ExceptionEntry* entry = exception_table_begin() + 1; entry < exception_table_end();
       ++entry) {
    if (entry[-1].instruction() >= entry->instruction()) {
      return false;
    }
  }
  return true;
}

}  // namespace usercopy
