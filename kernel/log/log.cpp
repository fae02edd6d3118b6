#include "kernel/log/log.h"

#include <cstdarg>

#include "cpu/console_uart.h"
#include "cpu/cpu.h"
#include "cpu/debug_channel.h"
#include "cpu/timer.h"
#include "kernel/log/format.h"

namespace kernel {

namespace {

constexpr size_t kept_capacity = 16384;
char kept[kept_capacity];
size_t kept_size = 0;

LogChannel channel = LogChannel::pending;
LogLevel threshold = LogLevel::info;

void put_byte(char byte) {
  switch (channel) {
    case LogChannel::debug: cpu::debug_channel_write(byte); return;
    case LogChannel::console:
      if (cpu::console_ready()) {
        if (byte == '\n') {
          cpu::uart_write('\r');
        }
        cpu::uart_write(byte);
        return;
      }
      break;
    case LogChannel::pending: break;
  }
  if (kept_size < kept_capacity) {
    kept[kept_size++] = byte;
  }
}

void put_text(void*, const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    put_byte(text[i]);
  }
}

void put_format(const char* format, ...) __attribute__((format(printf, 1, 2)));
void put_format(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_to(put_text, nullptr, format, arguments);
  va_end(arguments);
}

const char* level_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::error: return "error: ";
    case LogLevel::warning: return "warning: ";
    case LogLevel::info:
    case LogLevel::debug: break;
  }
  return "";
}

}  // namespace

void log_line(LogLevel level, const char* format, ...) {
  if (level > threshold) {
    return;
  }
  const cpu::InterruptGuard guard;
  const uint64_t microseconds = cpu::monotonic_ns() / 1000;
  put_format("[%5lu.%06lu] %s", microseconds / 1'000'000, microseconds % 1'000'000,
             level_prefix(level));
  va_list arguments;
  va_start(arguments, format);
  format_to(put_text, nullptr, format, arguments);
  va_end(arguments);
  put_byte('\n');
}

void log_plain(const char* format, ...) {
  const cpu::InterruptGuard guard;
  va_list arguments;
  va_start(arguments, format);
  format_to(put_text, nullptr, format, arguments);
  va_end(arguments);
  put_byte('\n');
}

void set_log_channel(LogChannel next) {
  channel = next;
  flush_log();
}

void flush_log() {
  if (channel == LogChannel::pending || (channel == LogChannel::console && !cpu::console_ready())) {
    return;
  }
  const cpu::InterruptGuard guard;
  const size_t size = kept_size;
  kept_size = 0;
  put_text(nullptr, kept, size);
}

LogChannel log_channel() {
  return channel;
}

void set_log_level(LogLevel level) {
  threshold = level;
}

}  // namespace kernel
