#include "cpu/local_apic.h"

#include "cpu/io.h"
#include "cpu/vectors.h"
#include "kernel/seam/memory.h"

namespace cpu {

namespace {

volatile uint32_t* registers = nullptr;
bool x2apic = false;

constexpr uint64_t base_enable = 1u << 11;
constexpr uint64_t base_x2apic = 1u << 10;
constexpr uint32_t vector_masked = 1u << 16;
constexpr uint32_t spurious_enable = 1u << 8;

Msr x2apic_msr(ApicRegister which) {
  return Msr(0x800 + uint32_t(which) / 16);
}

// From off to x2APIC only by way of xAPIC (SDM volume 3, 11.12.5).
void enable(uint64_t base) {
  const uint64_t now = read_msr(Msr::apic_base);
  if ((now & base_enable) == 0) {
    write_msr(Msr::apic_base, base & ~base_x2apic);
  }
  if (base != read_msr(Msr::apic_base)) {
    write_msr(Msr::apic_base, base);
  }
}

void reset_local_apic() {
  write_apic(ApicRegister::timer_vector, vector_masked);
  write_apic(ApicRegister::lint0, vector_masked);
  write_apic(ApicRegister::lint1, vector_masked);
  write_apic(ApicRegister::error_vector, vector_masked);
  write_apic(ApicRegister::task_priority, 0);
  write_apic(ApicRegister::spurious, spurious_enable | uint32_t(spurious_vector));
  local_apic_end_of_interrupt();  // whatever the firmware left in service
}

}  // namespace

uint32_t read_apic(ApicRegister which) {
  return x2apic ? uint32_t(read_msr(x2apic_msr(which))) : registers[uint32_t(which) / 4];
}

void write_apic(ApicRegister which, uint32_t value) {
  if (x2apic) {
    write_msr(x2apic_msr(which), value);
  } else {
    registers[uint32_t(which) / 4] = value;
  }
}

const char* init_local_apic(uint64_t physical) {
  constexpr uint32_t cpuid_apic = 1u << 9;
  constexpr uint32_t cpuid_x2apic = 1u << 21;
  if (!(cpuid(1).edx & cpuid_apic)) {
    return "the processor has no local APIC";
  }
  enable(read_msr(Msr::apic_base) |
         ((cpuid(1).ecx & cpuid_x2apic) != 0 ? base_enable | base_x2apic : base_enable));
  x2apic = (read_msr(Msr::apic_base) & base_x2apic) != 0;
  if (!x2apic && registers == nullptr) {
    registers = static_cast<volatile uint32_t*>(kernel::map_device(physical, 4096));
    if (registers == nullptr) {
      return "no memory to map the local APIC";
    }
  }
  reset_local_apic();
  return nullptr;
}

bool has_x2apic() {
  return x2apic;
}

const char* init_secondary_apic() {
  enable(read_msr(Msr::apic_base) | (x2apic ? base_enable | base_x2apic : base_enable));
  if (((read_msr(Msr::apic_base) & base_x2apic) != 0) != x2apic) {
    return "its local APIC does not take the boot CPU's mode";
  }
  reset_local_apic();
  return nullptr;
}

void local_apic_end_of_interrupt() {
  write_apic(ApicRegister::end_of_interrupt, 0);
}

uint32_t local_apic_id() {
  const uint32_t id = read_apic(ApicRegister::id);
  return x2apic ? id : id >> 24;
}

bool can_reach_apic(uint32_t id) {
  return x2apic ? id != ~0u : id < 0xff;
}

void send_interrupt_command(uint32_t to, uint32_t command) {
  if (x2apic) {
    write_msr(x2apic_msr(ApicRegister::command_low), uint64_t(to) << 32 | command);
    return;
  }
  constexpr uint32_t delivery_pending = 1u << 12;
  while ((read_apic(ApicRegister::command_low) & delivery_pending) != 0) {
  }
  write_apic(ApicRegister::command_high, to << 24);
  write_apic(ApicRegister::command_low, command);
}

}  // namespace cpu
