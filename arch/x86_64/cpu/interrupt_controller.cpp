#include "cpu/interrupt_controller.h"

#include "cpu/io.h"
#include "cpu/local_apic.h"
#include "cpu/per_cpu.h"
#include "cpu/vectors.h"
#include "kernel/seam/memory.h"

namespace cpu {

namespace {

struct Router {
  volatile uint32_t* registers;  // [0] index, [4] data
  uint32_t first;                // global system interrupt of its first input
  uint32_t count;
};

Router routers[8];
unsigned router_count = 0;
kernel::BoundedList<kernel::InterruptOverride, 16> overrides;

constexpr uint32_t register_version = 1;
constexpr uint32_t entry_masked = 1u << 16;
constexpr uint32_t entry_level = 1u << 15;
constexpr uint32_t entry_active_low = 1u << 13;

uint32_t read_router(const Router& router, uint32_t index) {
  router.registers[0] = index;
  return router.registers[4];
}
void write_router(const Router& router, uint32_t index, uint32_t value) {
  router.registers[0] = index;
  router.registers[4] = value;
}

uint32_t entry_register(uint32_t input) {
  return 0x10 + 2 * input;
}

// The router of `line`, nullptr when no I/O APIC has it.
const Router* router_of(uint32_t line) {
  for (unsigned i = 0; i < router_count; ++i) {
    if (line >= routers[i].first && line - routers[i].first < routers[i].count) {
      return &routers[i];
    }
  }
  return nullptr;
}

// Remaps both 8259 away from the exceptions and masks every input.
void silence_8259() {
  constexpr uint16_t command[2] = {0x20, 0xa0};
  constexpr uint16_t data[2] = {0x21, 0xa1};
  constexpr uint8_t cascade[2] = {4, 2};
  for (unsigned i = 0; i < 2; ++i) {
    out8(command[i], 0x11);
    out8(data[i], uint8_t(legacy_vector + 8 * i));
    out8(data[i], cascade[i]);
    out8(data[i], 0x01);
    out8(data[i], 0xff);
  }
}

}  // namespace

const char* init_interrupt_controller(const kernel::Platform& platform) {
  const kernel::Madt& madt = platform.madt;
  if (!madt.present) {
    return "no usable MADT";
  }
  silence_8259();
  overrides = madt.overrides;
  if (const char* problem = init_local_apic(madt.local_apic)) {
    return problem;
  }
  this_cpu().hardware_id = local_apic_id();
  for (const kernel::IoApic& io_apic : madt.io_apics) {
    auto* registers = static_cast<volatile uint32_t*>(kernel::map_device(io_apic.base, 32));
    if (registers == nullptr) {
      return "no memory to map an I/O APIC";
    }
    Router router{registers, io_apic.gsi_base, 0};
    router.count = ((read_router(router, register_version) >> 16) & 0xff) + 1;
    for (uint32_t input = 0; input < router.count; ++input) {
      write_router(router, entry_register(input), entry_masked);
      write_router(router, entry_register(input) + 1, 0);
    }
    routers[router_count++] = router;
  }
  return router_count == 0 ? "the MADT names no I/O APIC" : nullptr;
}

const char* interrupt_controller_name() {
  return has_x2apic() ? "x2APIC" : "xAPIC";
}

uint32_t legacy_line(uint32_t irq) {
  for (const kernel::InterruptOverride& entry : overrides) {
    if (entry.irq == irq) {
      return entry.gsi;
    }
  }
  return irq;
}

void enable_line(uint32_t line, LineTrigger trigger) {
  const Router* router = router_of(line);
  if (router == nullptr || first_line_vector + line >= end_line_vector) {
    return;
  }
  uint32_t entry = uint32_t(first_line_vector) + line;
  if (trigger == LineTrigger::level) {
    entry |= entry_level;
  }
  for (const kernel::InterruptOverride& known : overrides) {
    if (known.gsi == line) {
      entry |= (known.level ? entry_level : 0) | (known.active_low ? entry_active_low : 0);
    }
  }
  const uint32_t input = line - router->first;
  write_router(*router, entry_register(input) + 1, this_cpu().hardware_id << 24);
  write_router(*router, entry_register(input), entry);
}

void disable_line(uint32_t line) {
  if (const Router* router = router_of(line)) {
    write_router(*router, entry_register(line - router->first), entry_masked);
  }
}

void end_of_interrupt(uint32_t) {
  local_apic_end_of_interrupt();
}

}  // namespace cpu
