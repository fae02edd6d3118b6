// Machine: what the loader needs of one instruction set. Declared once here, implemented in
// x86_64/ and aarch64/; TableFormat and the trampoline's Handoff are those folders' too.
//
// Order of use: `check`, `choose_levels`, `largest_leaf`, `table_format`, then `prepare` with the
// finished kernel tables, and after boot services have ended `start`, which does not return.
#pragma once

#include "boot/boot_info.h"
#include "firmware.h"
#include "page_tables.h"

namespace boot {

struct KernelStart {
  uint64_t entry;       // virtual
  uint64_t stack_top;   // virtual, 16-byte aligned
  uint64_t boot_info;   // virtual
  uint64_t image_base;  // physical, for instruction-cache maintenance
  uint64_t image_size;
};

class Machine {
 public:
  static const uint16_t elf_machine;
  static const uint64_t tables_below;  // physical bound of translation tables

  // Empty, or why this processor cannot run any kernel of ours.
  [[nodiscard]] Text check() const;

  // The levels to use: `wanted`, or 4 where the processor cannot do 5.
  unsigned choose_levels(unsigned wanted) const;
  unsigned largest_leaf() const;
  TableFormat table_format(unsigned levels) const;

  // The processor's own generator; answers how many bytes it filled.
  size_t random_bytes(uint8_t* to, size_t size) const;

  // Makes the trampoline page and maps it at its own address, read-only and executable.
  // Empty, or the problem.
  [[nodiscard]] Text prepare(Firmware& firmware, TablePool pool, PageTables& kernel_tables,
                             unsigned levels);

  [[noreturn]] void start(const KernelStart& start);

 private:
  uint64_t trampoline_ = 0;
  uint64_t root_ = 0;
  uint64_t lower_root_ = 0;  // of the trampoline's mapping: aarch64 has a tree for each half
  unsigned levels_ = 4;
};

}  // namespace boot
