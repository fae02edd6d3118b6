// poll_events.h: what poll() tells of a file, in Linux's bits.
#pragma once

#include <cstdint>

namespace kernel::poll_event {

inline constexpr uint32_t in = 0x1;
inline constexpr uint32_t priority = 0x2;
inline constexpr uint32_t out = 0x4;
inline constexpr uint32_t error = 0x8;
inline constexpr uint32_t hang_up = 0x10;
inline constexpr uint32_t invalid = 0x20;
inline constexpr uint32_t read_normal = 0x40;
inline constexpr uint32_t write_normal = 0x100;
inline constexpr uint32_t readable = in | read_normal;
inline constexpr uint32_t writable = out | write_normal;

}  // namespace kernel::poll_event
