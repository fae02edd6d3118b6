#include "test/ktest/stepper.h"

#include "cpu/local_apic.h"
#include "cpu/vectors.h"

namespace kernel::test {

namespace {

constexpr uint64_t flag_alignment_check = 1u << 18;

// Interrupt command register (SDM volume 3, 11.6.1).
constexpr uint32_t delivery_nmi = 4u << 8;
constexpr uint32_t level_assert = 1u << 14;
constexpr uint32_t to_self = 1u << 18;

}  // namespace

void continue_stepping(cpu::TrapFrame&, uint64_t) {}  // TF stays in the interrupted flags

bool had_user_access(const cpu::TrapFrame& frame) {
  return (frame.rflags & flag_alignment_check) != 0;
}

WindowEffect window_effect(uint64_t pc) {
  const auto* code = reinterpret_cast<const uint8_t*>(pc);
  if (code[0] != 0x0f || code[1] != 0x01) {
    return WindowEffect::none;
  }
  return code[2] == 0xcb   ? WindowEffect::opens   // STAC
         : code[2] == 0xca ? WindowEffect::closes  // CLAC
                           : WindowEffect::none;
}

bool make_copy_foreign(cpu::TrapFrame&) {
  return false;
}

void make_timer_pending() {
  cpu::send_interrupt_command(0, to_self | level_assert | uint32_t(cpu::timer_vector));
}

bool has_nmi() {
  return true;
}

// The shorthand for "self" does not go with NMIs.
void send_nmi() {
  cpu::send_interrupt_command(cpu::local_apic_id(), delivery_nmi | level_assert);
}

}  // namespace kernel::test
