#include "kernel/log/log.h"

#include <algorithm>
#include <cstdarg>

#include "base/atomic.h"
#include "cpu/console_uart.h"
#include "cpu/cpu.h"
#include "cpu/debug_channel.h"
#include "cpu/timer.h"
#include "kernel/driver/screen.h"
#include "kernel/log/format.h"

namespace kernel {

namespace {

// Messages in the form "<LEVEL>[time] text\n"; a byte's number counts from the first ever written.
constexpr size_t ring_size = log_capacity;
char ring[ring_size];
uint64_t ring_end = 0;

// Up to where the channel and the screen have got.
uint64_t sent_to_channel = 0;
uint64_t sent_to_screen = 0;

LogChannel channel = LogChannel::pending;
LogLevel threshold = LogLevel::info;

// Held while a line is written. Who waits for long goes on without: the holder is gone, and what a
// panic says must come out.
base::Atomic<uint32_t> busy{0};

class LogGuard {
 public:
  LogGuard() {
    constexpr unsigned patience = 10'000'000;
    for (unsigned i = 0; i < patience && busy.exchange<base::Order::acquire>(1) != 0; ++i) {
      cpu::pause();
    }
  }
  ~LogGuard() { busy.store<base::Order::release>(0); }
  LogGuard(const LogGuard&) = delete;
  LogGuard& operator=(const LogGuard&) = delete;

 private:
  cpu::InterruptGuard masked_;
};

bool channel_ready() {
  return channel == LogChannel::debug || (channel == LogChannel::console && cpu::console_ready());
}

void send_to_channel(Text text) {
  for (const char byte : text) {
    if (channel == LogChannel::debug) {
      cpu::debug_channel_write(byte);
      continue;
    }
    if (byte == '\n') {
      cpu::uart_write('\r');
    }
    cpu::uart_write(byte);
  }
}

uint64_t ring_start() {
  return ring_end > ring_size ? ring_end - ring_size : 0;
}

char byte_at(uint64_t number) {
  return ring[number % ring_size];
}

// The first line that is there whole, from `number` on.
uint64_t line_start(uint64_t number) {
  if (number >= ring_start() && (number == 0 || number > ring_start())) {
    return number;
  }
  number = ring_start();
  while (number < ring_end && byte_at(number++) != '\n') {
  }
  return number;
}

// Gives a sink the lines it has not had, without their levels.
template <typename Send>
void catch_up(uint64_t& sent, Send send) {
  sent = line_start(sent);
  while (sent < ring_end) {
    while (sent < ring_end && byte_at(sent++) != '>') {
    }
    bool ended = false;
    while (sent < ring_end && !ended) {
      // A piece ends with the line, or where the ring does.
      const char* start = ring + sent % ring_size;
      const size_t most = std::min(ring_end - sent, ring_size - sent % ring_size);
      const size_t newline = Text(start, most).find('\n');
      ended = newline != Text::npos;
      const size_t size = ended ? newline + 1 : most;
      send(Text(start, size));
      sent += size;
    }
  }
}

void catch_up_all() {
  if (channel_ready()) {
    catch_up(sent_to_channel, send_to_channel);
  }
  if (screen_present()) {
    catch_up(sent_to_screen, screen_write_lines);
  }
}

void put_in_ring(void*, const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    ring[ring_end++ % ring_size] = text[i];
  }
}

void format_in_ring(const char* format, ...) __attribute__((format(printf, 1, 2)));
void format_in_ring(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_to(put_in_ring, nullptr, format, arguments);
  va_end(arguments);
}

void put_plain(void*, const char* text, size_t size) {
  if (channel_ready()) {
    send_to_channel(Text(text, size));
  }
  screen_write_lines(Text(text, size));
}

struct LevelName {
  unsigned number;  // syslog's
  const char* prefix;
};

LevelName name_of(LogLevel level) {
  switch (level) {
    case LogLevel::error: return {3, "error: "};
    case LogLevel::warning: return {4, "warning: "};
    case LogLevel::info: return {6, ""};
    case LogLevel::debug: return {7, ""};
  }
  return {6, ""};
}

}  // namespace

void log_line(LogLevel level, const char* format, ...) {
  if (level > threshold) {
    return;
  }
  const LogGuard guard;
  const uint64_t microseconds = cpu::monotonic_ns() / 1000;
  const LevelName name = name_of(level);
  format_in_ring("<%u>[%5lu.%06lu] %s", name.number, microseconds / 1'000'000,
                 microseconds % 1'000'000, name.prefix);
  va_list arguments;
  va_start(arguments, format);
  format_to(put_in_ring, nullptr, format, arguments);
  va_end(arguments);
  put_in_ring(nullptr, "\n", 1);
  catch_up_all();
}

void log_plain(const char* format, ...) {
  const LogGuard guard;
  va_list arguments;
  va_start(arguments, format);
  format_to(put_plain, nullptr, format, arguments);
  va_end(arguments);
  put_plain(nullptr, "\n", 1);
}

void set_log_channel(LogChannel next) {
  channel = next;
  flush_log();
}

void flush_log() {
  const LogGuard guard;
  catch_up_all();
}

LogChannel log_channel() {
  return channel;
}

void set_log_level(LogLevel level) {
  threshold = level;
}

LogExtent kept_log() {
  const LogGuard guard;
  return {line_start(ring_start()), ring_end};
}

size_t read_log(uint64_t from, std::span<char> to) {
  const LogGuard guard;
  if (from < ring_start() || from >= ring_end) {
    return 0;
  }
  const size_t size = std::min<uint64_t>(to.size(), ring_end - from);
  for (size_t i = 0; i < size; ++i) {
    to[i] = byte_at(from + i);
  }
  return size;
}

}  // namespace kernel
