// The steps between checked inputs and translation tables: placing the kernel's segments in
// memory, reading the firmware's memory map as ours, and filling the direct map.
#pragma once

#include "elf_image.h"
#include "firmware.h"
#include "memory_map.h"
#include "page_tables.h"

namespace boot {

// Copies the segments to `physical` + their distance from the image's base; the rest is zero.
void copy_segments(Bytes file, const ElfImage& image, uint64_t physical);

// Fills an empty `map`. False: the map's buffer is too small.
[[nodiscard]] bool convert_memory_map(const Firmware::MapView& view, uint64_t image_base,
                                      uint64_t image_size, MemoryMap& map);

// Maps every range of RAM at direct_map_base + its address. The value is the end of the highest.
Outcome<uint64_t> map_direct(const MemoryMap& map, PageTables& tables);

}  // namespace boot
