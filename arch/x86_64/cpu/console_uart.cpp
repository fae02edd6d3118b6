#include "cpu/console_uart.h"

#include "cpu/cpu.h"
#include "cpu/interrupt_controller.h"
#include "cpu/io.h"

namespace cpu {

namespace {

// 16550 registers by offset.
constexpr uint16_t data = 0;
constexpr uint16_t interrupt_enable = 1;
constexpr uint16_t fifo_control = 2;
constexpr uint16_t line_control = 3;
constexpr uint16_t modem_control = 4;
constexpr uint16_t line_status = 5;
constexpr uint16_t scratch = 7;

constexpr uint8_t status_data = 1u << 0;
constexpr uint8_t status_room = 1u << 5;

constexpr uint16_t com1 = 0x3f8;
constexpr uint32_t com1_irq = 4;

uint16_t port = 0;
uint32_t line = 0;
bool line_known = false;

bool probe(uint16_t base) {
  out8(base + scratch, 0x5a);
  if (in8(base + scratch) != 0x5a) {
    return false;
  }
  out8(base + interrupt_enable, 0);
  out8(base + line_control, 0x80);  // divisor latch
  out8(base + data, 1);             // 115200 baud
  out8(base + interrupt_enable, 0);
  out8(base + line_control, 0x03);   // 8 bits, no parity, one stop bit
  out8(base + fifo_control, 0x01);   // FIFO on; what the loader's user typed stays
  out8(base + modem_control, 0x0b);  // DTR, RTS, interrupt output
  return true;
}

}  // namespace

void init_early_console() {
  if (probe(com1)) {
    port = com1;
  }
}

bool console_ready() {
  return port != 0;
}

const char* init_console_uart(const kernel::Platform& platform) {
  const kernel::Spcr& spcr = platform.spcr;
  if (spcr.present && spcr.registers.space == kernel::RegisterAddress::Space::io &&
      spcr.registers.address != port && spcr.registers.address <= 0xfff8 &&
      probe(uint16_t(spcr.registers.address))) {
    port = uint16_t(spcr.registers.address);
    line = spcr.interrupt;
    line_known = line != 0;
  }
  if (port == com1 && !line_known) {
    line = legacy_line(com1_irq);
    line_known = true;
  }
  return port == 0 ? "no 16550 answers at COM1 or where SPCR says" : nullptr;
}

void uart_write(char byte) {
  if (port == 0) {
    return;
  }
  for (unsigned spins = 0; spins < 1'000'000 && !(in8(port + line_status) & status_room); ++spins) {
    pause();
  }
  out8(port + data, uint8_t(byte));
}

std::optional<char> uart_read() {
  if (port == 0 || !(in8(port + line_status) & status_data)) {
    return std::nullopt;
  }
  return char(in8(port + data));
}

std::optional<uint32_t> enable_uart_interrupt() {
  if (!line_known) {
    return std::nullopt;
  }
  enable_line(line, LineTrigger::edge);
  resume_uart_interrupt();
  return line;
}

void pause_uart_interrupt() {
  if (port != 0) {
    out8(port + interrupt_enable, 0);
  }
}

void resume_uart_interrupt() {
  if (port != 0) {
    out8(port + interrupt_enable, 1);  // received data
  }
}

}  // namespace cpu
