// elf_loader.h: mapping a static executable (ET_EXEC, or static-pie ET_DYN) into an address space.
//
// Segments are only mapped: their pages are the file's, shared by all who run it, until one is
// written. A file that is cut
// off, foreign, dynamic, overlapping, outside the user half, or that wants memory writable and
// executable at once is refused with a message.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/process/program_file.h"

namespace kernel {

struct LoadedProgram {
  uint64_t entry = 0;
  uint64_t headers = 0;  // where the program headers are in memory (AT_PHDR), 0: nowhere
  uint64_t header_count = 0;
  uint64_t end = 0;               // one past the highest segment, page aligned
  const char* problem = nullptr;  // why not; the space may hold some segments
  bool out_of_memory = false;     // that is why
};

// `bias`: where an ET_DYN file goes; page aligned.
[[nodiscard]] LoadedProgram load_elf(UserSpace& space, const ProgramFile& file, uint64_t bias);

}  // namespace kernel
