// shadow_map.h: where the shadow of an address is; for the address checks alone.
//
// RAM is looked up in chunks of 32 MiB, each with 4 MiB of shadow where it has RAM of ours. A page
// of 4 KiB has its 512 bytes of shadow in a row, more may lie apart.
#pragma once

#include <cstdint>

#include "kernel/sanitizer/shadow.h"

namespace kernel::shadow {

inline constexpr uint64_t granule = 8;

// From start_address_checks() to stop_address_checks().
extern bool active;

// nullptr: none is kept.
[[nodiscard]] uint8_t* of(uint64_t address);

// The first byte of the range that may not be accessed; 0: there is none.
[[nodiscard]] uint64_t first_bad(uint64_t address, uint64_t size);

// Sets the shadow of whole granules.
void fill(uint64_t address, uint64_t size, uint8_t value);

}  // namespace kernel::shadow

namespace kernel {
// Runs what the compiler left in .init_array.
void poison_global_edges();
}  // namespace kernel

namespace kernel::shadow {

enum class Kind : uint8_t { read, write };
[[noreturn]] void report(uint64_t address, uint64_t size, Kind kind, uint64_t bad);

}  // namespace kernel::shadow
