// vectors.h: which interrupt vector means what (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

inline constexpr uint64_t nmi_vector = 2;
inline constexpr uint64_t breakpoint_vector = 3;
inline constexpr uint64_t double_fault_vector = 8;
inline constexpr uint64_t general_protection_vector = 13;
inline constexpr uint64_t page_fault_vector = 14;
inline constexpr uint64_t machine_check_vector = 18;
inline constexpr uint64_t exception_vectors = 32;

// 0x20..0x2f: where the silenced 8259 would deliver spurious interrupts.
inline constexpr uint64_t legacy_vector = 0x20;
// Global system interrupt n arrives at first_line_vector + n.
inline constexpr uint64_t first_line_vector = 0x30;
inline constexpr uint64_t end_line_vector = 0xe0;
inline constexpr uint64_t timer_vector = 0xf0;
// From other CPUs (ipi.h).
inline constexpr uint64_t reschedule_vector = 0xf1;
inline constexpr uint64_t shootdown_vector = 0xf2;
inline constexpr uint64_t spurious_vector = 0xff;

}  // namespace cpu
