// console_uart.cpp: PL011 and the SBSA generic UART, its subset without set-up registers.
//
// Speed and format are left as the firmware set them: the console worked until now.
// Source: PL011 3.3 (registers); SPCR (interface types 3, 0xd, 0xe).
#include "cpu/console_uart.h"

#include "cpu/interrupt_controller.h"
#include "cpu/mmio.h"
#include "cpu/sysreg.h"
#include "kernel/seam/memory.h"

namespace cpu {

namespace {

constexpr uint64_t data = 0x00;
constexpr uint64_t flags = 0x18;
constexpr uint64_t control = 0x30;
constexpr uint64_t interrupt_mask = 0x38;
constexpr uint64_t interrupt_clear = 0x44;
constexpr uint64_t register_block_size = 0x1000;

constexpr uint32_t flag_receive_empty = 1u << 4;
constexpr uint32_t flag_transmit_full = 1u << 5;
constexpr uint32_t control_enable = 1u << 0;
constexpr uint32_t control_transmit = 1u << 8;
constexpr uint32_t control_receive = 1u << 9;
constexpr uint32_t interrupt_receive = 1u << 4;
constexpr uint32_t interrupt_receive_timeout = 1u << 6;
constexpr uint32_t interrupt_all = 0x7ff;

constexpr uint8_t type_pl011 = 0x03;
constexpr uint8_t type_sbsa_32bit = 0x0d;
constexpr uint8_t type_sbsa = 0x0e;

constexpr unsigned patience = 1'000'000;  // reads of the flags before a byte is dropped

Mmio uart;
uint32_t line = 0;

}  // namespace

void init_early_console() {}

bool console_ready() {
  return uart.base != 0;
}

const char* init_console_uart(const kernel::Platform& platform) {
  const kernel::Spcr& spcr = platform.spcr;
  if (!spcr.present) {
    return "no SPCR table";
  }
  if (spcr.interface_type != type_pl011 && spcr.interface_type != type_sbsa &&
      spcr.interface_type != type_sbsa_32bit) {
    return "SPCR names a UART that is not a PL011";
  }
  if (spcr.registers.space != kernel::RegisterAddress::Space::memory) {
    return "SPCR names no memory-mapped registers";
  }
  const volatile void* mapped = kernel::map_device(spcr.registers.address, register_block_size);
  if (mapped == nullptr) {
    return "no room to map the UART";
  }
  uart = Mmio{reinterpret_cast<uint64_t>(mapped)};
  line = spcr.interrupt;
  uart.write32(interrupt_mask, 0);
  uart.write32(interrupt_clear, interrupt_all);
  if (spcr.interface_type == type_pl011) {
    uart.write32(control,
                 uart.read32(control) | control_enable | control_transmit | control_receive);
  }
  return nullptr;
}

void uart_write(char byte) {
  if (!console_ready()) {
    return;
  }
  for (unsigned i = 0; (uart.read32(flags) & flag_transmit_full) != 0; ++i) {
    if (i == patience) {
      return;
    }
  }
  uart.write32(data, static_cast<uint8_t>(byte));
}

std::optional<char> uart_read() {
  if (!console_ready() || (uart.read32(flags) & flag_receive_empty) != 0) {
    return std::nullopt;
  }
  return static_cast<char>(uart.read32(data) & 0xff);
}

std::optional<uint32_t> enable_uart_interrupt() {
  if (!console_ready() || line == 0) {
    return std::nullopt;
  }
  resume_uart_interrupt();
  enable_line(line, LineTrigger::level);
  return line;
}

void pause_uart_interrupt() {
  if (console_ready()) {
    uart.write32(interrupt_mask, 0);
  }
}

void resume_uart_interrupt() {
  if (console_ready()) {
    uart.write32(interrupt_mask, interrupt_receive | interrupt_receive_timeout);
  }
}

}  // namespace cpu
