// memory.h: the little that the cpu layer needs of the kernel's memory.
#pragma once

#include <cstdint>

namespace kernel {

// The kernel's window onto physical memory that BootInfo's map names as RAM or ACPI.
[[nodiscard]] void* direct_map(uint64_t physical);

// Maps device registers uncached and for good; nullptr when out of memory or out of room.
// Any alignment; the same range twice gives two mappings.
[[nodiscard]] volatile void* map_device(uint64_t physical, uint64_t size);

// `pages` adjoining pages of RAM below 1 MiB, page 0 not among them, that nobody else ever uses;
// physical. The same ones in every call; 0: there are none.
[[nodiscard]] uint64_t low_memory(uint64_t pages);

// The writable alias, in the direct map, of an address inside the kernel's image. For patching code
// at boot; the image itself stays read-only.
[[nodiscard]] void* writable_alias(uint64_t image_address);

}  // namespace kernel
