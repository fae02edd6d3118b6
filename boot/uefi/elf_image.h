// ElfImage: what the loader needs to know of a kernel's ELF file, after checking all of it.
//
// `parse_elf` reads only inside the bytes it is given, whatever they are, and accepts a file only
// if every later step (copying segments, mapping them with their rights, jumping to the entry) is
// safe. Segments that share a page are refused: a page has one set of rights.
// Source: System V ABI gABI chapters 4 and 5 (ELF-64).
#pragma once

#include "outcome.h"

namespace boot {

enum class Rights : uint8_t { read, read_write, read_execute };

struct Segment {
  uint64_t virtual_base;  // page aligned
  uint64_t virtual_size;  // whole pages
  uint64_t file_offset;   // of the first byte to copy
  uint64_t file_size;     // bytes to copy; the rest of the segment is zero
  uint64_t lead;          // bytes between virtual_base and the first byte to copy
  Rights rights;
};

struct ElfImage {
  static constexpr unsigned max_segments = 16;

  Segment segments[max_segments] = {};  // sorted by address, disjoint pages
  unsigned segment_count = 0;
  uint64_t virtual_base = 0;  // of the lowest segment
  uint64_t virtual_size = 0;  // to the end of the highest one, whole pages
  uint64_t entry = 0;
};

// Where a kernel may be linked: the last 2 GiB, less the last page.
inline constexpr uint64_t kernel_window_base = 0xffffffff80000000;
inline constexpr uint64_t kernel_window_end = 0xfffffffffffff000;
inline constexpr uint64_t page_size = 4096;

inline constexpr uint16_t elf_machine_x86_64 = 62;
inline constexpr uint16_t elf_machine_aarch64 = 183;

// `machine` is the e_machine value to accept.
Outcome<ElfImage> parse_elf(Bytes file, uint16_t machine);

}  // namespace boot
