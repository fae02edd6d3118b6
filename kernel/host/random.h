// random.h: unpredictable numbers: ChaCha20 keyed from the firmware's seed and the clocks.
//
// The key is replaced after every request, so that what was given out cannot be recomputed.
// Interrupts are masked inside; callable from any context but NMI.
#pragma once

#include <cstdint>
#include <span>

namespace kernel {

// Takes the seed of BootInfo. Says in the log when the firmware gave none.
void init_random();

void random_bytes(std::span<uint8_t> buffer);
[[nodiscard]] uint64_t random_number();

}  // namespace kernel
