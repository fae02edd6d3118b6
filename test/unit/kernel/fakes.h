// fakes.h: what stands in for boot memory and the log in hosted tests of the kernel's readers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boot/boot_info.h"

namespace kernel::fake {

// Physical memory [memory_base, memory_base + memory.size()); everything else is not RAM. The
// vector's storage is exactly as long, so that the address sanitizer sees any step past it.
inline constexpr uint64_t memory_base = 0x1000;
extern std::vector<uint8_t> memory;

extern boot::BootInfo info;
extern std::vector<uint8_t> kernel_file;

// Lines logged since the last clear().
extern std::vector<std::string> log;

// Whether a logged line contains `text`.
bool logged(const std::string& text);

}  // namespace kernel::fake
