#include "kernel/driver/console.h"

#include <optional>

#include "cpu/console_uart.h"
#include "cpu/cpu.h"
#include "cpu/interrupt_controller.h"
#include "kernel/driver/screen.h"
#include "kernel/host/options.h"

namespace kernel {

namespace {

constexpr size_t ring_size = 4096;
char ring[ring_size];
size_t ring_head = 0;  // next to read
size_t ring_tail = 0;  // next to write

std::optional<uint32_t> input_line;

constexpr size_t max_line = 1024;
char line_buffer[max_line];  // a line being typed, then being handed out
size_t line_size = 0;
size_t line_taken = 0;
bool line_complete = false;

constexpr char backspace = '\b';
constexpr char erase = 0x7f;
constexpr char kill_line = 0x15;
constexpr char end_of_file = 0x04;

// Interrupts masked.
void drain_uart() {
  while (const auto byte = cpu::uart_read()) {
    const size_t next = (ring_tail + 1) % ring_size;
    if (next != ring_head) {
      ring[ring_tail] = *byte;
      ring_tail = next;
    }
  }
}

// Interrupts masked.
std::optional<char> take_byte() {
  drain_uart();
  if (ring_head == ring_tail) {
    return std::nullopt;
  }
  const char byte = ring[ring_head];
  ring_head = (ring_head + 1) % ring_size;
  return byte;
}

char wait_for_byte() {
  for (;;) {
    const cpu::InterruptGuard guard;
    if (const auto byte = take_byte()) {
      return *byte;
    }
    cpu::wait_for_interrupt();  // input, or the tick, after which we poll
  }
}

// Shows what is typed, where somebody types.
void echo(Text text) {
  if (options().console == ConsoleMode::tty) {
    console_write(text);
  }
}

void erase_last() {
  if (line_size > 0) {
    --line_size;
    echo("\b \b");
  }
}

// Takes input until a line is complete.
void edit_line() {
  while (!line_complete) {
    const char byte = wait_for_byte();
    switch (byte) {
      case backspace:
      case erase: erase_last(); break;
      case kill_line:
        while (line_size > 0) {
          erase_last();
        }
        break;
      case end_of_file: line_complete = line_size == 0; break;
      case '\r':
      case '\n':
        line_buffer[line_size++] = '\n';
        line_complete = true;
        echo("\n");
        break;
      default:
        if (line_size + 1 < max_line && (byte >= ' ' || byte < 0 || byte == '\t')) {
          line_buffer[line_size++] = byte;
          echo(Text(&byte, 1));
        }
    }
  }
}

}  // namespace

size_t console_read_line(std::span<char> buffer) {
  edit_line();
  size_t count = line_size - line_taken;
  count = count < buffer.size() ? count : buffer.size();
  Text(line_buffer + line_taken, count).copy(buffer.data(), count);
  line_taken += count;
  if (line_taken == line_size) {
    line_size = line_taken = 0;
    line_complete = false;
  }
  return count;
}

namespace {

size_t read_bytes(std::span<char> buffer) {
  size_t count = 0;
  buffer[count++] = wait_for_byte();
  const cpu::InterruptGuard guard;
  while (count < buffer.size()) {
    const auto byte = take_byte();
    if (!byte) {
      break;
    }
    buffer[count++] = *byte;
  }
  return count;
}

}  // namespace

void init_console() {
  input_line = cpu::enable_uart_interrupt();
}

void console_write(Text text) {
  const bool translate = options().console == ConsoleMode::tty;
  for (const char byte : text) {
    if (byte == '\n' && translate) {
      cpu::uart_write('\r');
    }
    cpu::uart_write(byte);
  }
  screen_write_lines(text);
}

size_t console_read(std::span<char> buffer) {
  if (buffer.empty()) {
    return 0;
  }
  return options().console == ConsoleMode::tty ? console_read_line(buffer) : read_bytes(buffer);
}

bool console_has_input() {
  const cpu::InterruptGuard guard;
  drain_uart();
  return line_complete || ring_head != ring_tail;
}

bool console_interrupt(uint32_t line) {
  if (!input_line || *input_line != line) {
    return false;
  }
  drain_uart();
  return true;
}

}  // namespace kernel
