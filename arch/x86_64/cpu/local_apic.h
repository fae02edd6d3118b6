// local_apic.h: this CPU's interrupt controller, xAPIC (memory) or x2APIC (MSR) (x86_64 only).
#pragma once

#include <cstdint>

namespace cpu {

enum class ApicRegister : uint32_t {
  id = 0x20,
  task_priority = 0x80,
  end_of_interrupt = 0xb0,
  spurious = 0xf0,
  error_status = 0x280,
  timer_vector = 0x320,
  lint0 = 0x350,
  lint1 = 0x360,
  command_low = 0x300,
  command_high = 0x310,
  error_vector = 0x370,
  timer_initial = 0x380,
  timer_current = 0x390,
  timer_divide = 0x3e0,
};

// Maps and enables the boot CPU's local APIC. Returns nullptr or why not.
[[nodiscard]] const char* init_local_apic(uint64_t physical);
[[nodiscard]] bool has_x2apic();  // whether that is the mode it runs in
// Enables that of another CPU, which runs this, in the boot CPU's mode.
[[nodiscard]] const char* init_secondary_apic();

[[nodiscard]] uint32_t read_apic(ApicRegister which);
void write_apic(ApicRegister which, uint32_t value);

void local_apic_end_of_interrupt();

[[nodiscard]] uint32_t local_apic_id();
// Whether an interrupt command can name this id: 8 bits (xAPIC), 32 bits (x2APIC); all ones is
// everybody.
[[nodiscard]] bool can_reach_apic(uint32_t id);

// Writes the interrupt command register (SDM volume 3, 11.6.1) once it is idle. `command` is its
// low half, `to` the local APIC id of the CPU that is meant.
void send_interrupt_command(uint32_t to, uint32_t command);

}  // namespace cpu
