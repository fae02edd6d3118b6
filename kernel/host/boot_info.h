// boot_info.h: what the loader said, checked once, then read from anywhere.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.h"
#include "boot/boot_info.h"
#include "kernel/host/text.h"

namespace kernel {

// Checks magic, version, size and that every pointer lies in the direct map. Returns nullptr, or
// what is wrong (the kernel cannot run). From then on the accessors below are valid.
[[nodiscard]] const char* adopt_boot_info(const void* candidate);

[[nodiscard]] const boot::BootInfo& boot_info();
[[nodiscard]] std::span<const boot::BootMemoryRange> boot_memory_map();
[[nodiscard]] Text boot_command_line();
[[nodiscard]] std::span<const uint8_t> boot_initrd();
[[nodiscard]] std::span<const uint8_t> boot_kernel_elf();

// Whether [physical, physical + size) is RAM or ACPI memory, hence visible in the direct map.
[[nodiscard]] bool in_direct_map(base::PhysAddr physical, uint64_t size);

}  // namespace kernel
