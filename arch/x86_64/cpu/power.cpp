#include "cpu/power.h"

#include "cpu/cpu.h"
#include "cpu/io.h"

namespace cpu {

namespace {

constexpr uint16_t debug_exit_port = 0xf4;

void write_control(const kernel::RegisterAddress& control, uint8_t type) {
  constexpr uint16_t sleep_enable = 1u << 13;
  if (control.space == kernel::RegisterAddress::Space::io) {
    const auto port = uint16_t(control.address);
    out16(port, uint16_t((in16(port) & 0xc3ff) | (type << 10) | sleep_enable));
  }
}

void wait_a_moment() {
  for (unsigned i = 0; i < 100'000; ++i) {
    (void)in8(0x80);
  }
}

}  // namespace

void power_off(const kernel::Platform& platform, ExitPath path, uint8_t status) {
  (void)mask_interrupts();
  if (path == ExitPath::emulator) {
    out32(debug_exit_port, status);
    wait_a_moment();
  }
  const kernel::Fadt& fadt = platform.fadt;
  if (fadt.present && fadt.s5_known) {
    write_control(fadt.pm1a_control, fadt.s5_type_a);
    write_control(fadt.pm1b_control, fadt.s5_type_b);
    wait_a_moment();
  }
  if (fadt.present && fadt.has_reset && fadt.reset.space == kernel::RegisterAddress::Space::io) {
    out8(uint16_t(fadt.reset.address), fadt.reset_value);
    wait_a_moment();
  }
  halt();
}

void reset(const kernel::Platform& /*platform*/) {
  struct [[gnu::packed]] {
    uint16_t limit = 0;
    uint64_t base = 0;
  } const no_vectors;
  asm volatile("cli\n\tlidt %0\n\tint3" : : "m"(no_vectors) : "memory");
  halt();
}

}  // namespace cpu
