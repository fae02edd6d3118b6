// log.h: kernel messages, one a line, to the channel the command line chose and to the screen.
//
// Callable from any context, including traps and panics; a line is written whole with interrupts
// masked. The last 64 KiB are kept: for a channel that is not known yet, and for dmesg.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/host/text.h"

namespace kernel {

enum class LogLevel : uint8_t { error, warning, info, debug };

void log_line(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

#define LOG_ERROR(...) ::kernel::log_line(::kernel::LogLevel::error, __VA_ARGS__)
#define LOG_WARNING(...) ::kernel::log_line(::kernel::LogLevel::warning, __VA_ARGS__)
#define LOG_INFO(...) ::kernel::log_line(::kernel::LogLevel::info, __VA_ARGS__)
#define LOG_DEBUG(...) ::kernel::log_line(::kernel::LogLevel::debug, __VA_ARGS__)

// A line without time and level: what tools/run reads (`@exit 0`), self-test results.
void log_plain(const char* format, ...) __attribute__((format(printf, 1, 2)));

enum class LogChannel : uint8_t {
  pending,  // keep
  console,  // the serial console
  debug,    // the emulator's side channel (cpu/debug_channel.h)
};

// Chooses the channel and gives it what was kept. With `console`, call again (flush_log) when the
// console comes up; likewise when the screen does.
void set_log_channel(LogChannel channel);
void flush_log();
[[nodiscard]] LogChannel log_channel();

// Lines above `level` are dropped. Default: info.
void set_log_level(LogLevel level);

// The messages that are kept, without log_plain()'s: bytes [start, end) of all that were ever
// written, "<LEVEL>[time] text\n" each.
inline constexpr size_t log_capacity = 1 << 16;
struct LogExtent {
  uint64_t start;
  uint64_t end;
};
[[nodiscard]] LogExtent kept_log();
// Copies from byte `from` on as much as there is and fits: how much. 0: no longer kept, or not yet
// written.
[[nodiscard]] size_t read_log(uint64_t from, std::span<char> to);

}  // namespace kernel
