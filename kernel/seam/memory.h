// memory.h: the little that the cpu layer needs of the kernel's memory.
#pragma once

#include <cstdint>

namespace kernel {

// The kernel's window onto physical memory that BootInfo's map names as RAM or ACPI.
[[nodiscard]] void* direct_map(uint64_t physical);

// Maps device registers uncached and for good; nullptr when out of memory or out of room.
// Any alignment; the same range twice gives two mappings.
[[nodiscard]] volatile void* map_device(uint64_t physical, uint64_t size);

// The writable alias, in the direct map, of an address inside the kernel's image. For patching code
// at boot; the image itself stays read-only.
[[nodiscard]] void* writable_alias(uint64_t image_address);

}  // namespace kernel
