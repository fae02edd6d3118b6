// Reads the translation tables the test kernel runs on, and its own ELF file's segments.
#pragma once

#include "boot/boot_info.h"
#include "cpu.h"

namespace loader_test {

struct Leaf {
  uint64_t address;
  uint64_t physical;
  uint64_t size;
  unsigned level;  // 1: 4 KiB, 2: 2 MiB, 3: 1 GiB
  bool writable;
  bool executable;
  bool user;
};

using Visit = void (*)(void* context, const Leaf& leaf);

// Every leaf of that half, in address order.
void walk(const boot::BootInfo& info, cpu::Half half, Visit visit, void* context);

struct SegmentRights {
  bool present;
  bool writable;
  bool executable;
};

// The rights that the program headers give to the page at `address`.
SegmentRights segment_rights(const uint8_t* elf, uint64_t address);

}  // namespace loader_test
