#include "cpu/timer.h"

#include "cpu/cpu.h"
#include "cpu/io.h"
#include "cpu/local_apic.h"
#include "cpu/vectors.h"

namespace cpu {

namespace {

uint64_t tsc_start = 0;
uint64_t tsc_hz = 0;
uint64_t ns_per_tick_32 = 0;  // nanoseconds a TSC tick, times 2^32
uint64_t apic_hz = 0;

constexpr uint32_t timer_masked = 1u << 16;
constexpr uint32_t divide_by_16 = 3;

constexpr uint64_t pm_timer_hz = 3'579'545;
constexpr uint32_t pm_timer_mask = 0xff'ffff;  // 24 bits at least
constexpr uint64_t calibration_us = 20'000;

// The three counters read as close together as chance allows.
struct Moment {
  uint64_t tsc;
  uint64_t apic;  // counts down
  uint32_t reference;
};

// The closest of a few readings: an interruption between two counters (a hypervisor's, firmware's)
// would spoil the rate.
Moment read_moment(uint16_t pm_port) {
  Moment best{};
  uint64_t least = ~0ULL;
  for (unsigned i = 0; i < 16; ++i) {
    const uint64_t before = read_tsc();
    const uint32_t reference = in32(pm_port);
    const uint64_t apic = read_apic(ApicRegister::timer_current);
    const uint64_t after = read_tsc();
    if (after - before < least) {
      least = after - before;
      best = {before, apic, reference};
    }
  }
  return best;
}

struct Rates {
  uint64_t tsc_hz;
  uint64_t apic_hz;
};

// By the ACPI PM timer.
Rates measure_by_pm_timer(uint16_t port) {
  constexpr uint32_t enough = uint32_t(pm_timer_hz * calibration_us / 1'000'000);
  const Moment start = read_moment(port);
  while (((in32(port) - start.reference) & pm_timer_mask) < enough) {
    pause();
  }
  const Moment end = read_moment(port);
  const uint64_t elapsed = (end.reference - start.reference) & pm_timer_mask;
  return {(end.tsc - start.tsc) * pm_timer_hz / elapsed,
          (start.apic - end.apic) * pm_timer_hz / elapsed};
}

// By channel 2 of the 8254, whose output is bit 5 of port 0x61.
Rates measure_by_pit() {
  constexpr uint64_t pit_hz = 1'193'182;
  constexpr uint16_t count = uint16_t(pit_hz * calibration_us / 1'000'000);
  out8(0x61, uint8_t((in8(0x61) & 0xfc) | 1));  // gate on, speaker off
  out8(0x43, 0xb0);                             // channel 2, mode 0, both bytes
  out8(0x42, uint8_t(count));
  out8(0x42, uint8_t(count >> 8));
  const uint64_t tsc = read_tsc();
  const uint64_t apic = read_apic(ApicRegister::timer_current);
  while (!(in8(0x61) & 0x20)) {
    pause();
  }
  constexpr uint64_t per_second = 1'000'000 / calibration_us;
  return {(read_tsc() - tsc) * per_second,
          (apic - read_apic(ApicRegister::timer_current)) * per_second};
}

// value * numerator / 2^32 without a 128-bit product.
uint64_t scale_32(uint64_t value, uint64_t factor_32) {
  const uint64_t high = (value >> 32) * factor_32;
  const uint64_t low = (value & 0xffff'ffff) * (factor_32 >> 32);
  const uint64_t fraction = ((value & 0xffff'ffff) * (factor_32 & 0xffff'ffff)) >> 32;
  return high + low + fraction;
}

uint32_t apic_count(uint64_t ns) {
  uint64_t limited = ns > 60'000'000'000ULL ? 60'000'000'000ULL : ns;
  const uint64_t count = limited * (apic_hz / 1000) / 1'000'000;
  return count == 0 ? 1 : count > 0xffff'ffff ? 0xffff'ffff : uint32_t(count);
}

}  // namespace

const char* init_timer(const kernel::Platform& platform) {
  const kernel::RegisterAddress& pm = platform.fadt.pm_timer;
  const bool use_pm = platform.fadt.present && pm.space == kernel::RegisterAddress::Space::io &&
                      in32(uint16_t(pm.address)) != 0xffff'ffff;
  write_apic(ApicRegister::timer_divide, divide_by_16);
  write_apic(ApicRegister::timer_vector, timer_masked | uint32_t(timer_vector));
  write_apic(ApicRegister::timer_initial, 0xffff'ffff);
  const uint64_t start = read_tsc();
  const Rates rates = use_pm ? measure_by_pm_timer(uint16_t(pm.address)) : measure_by_pit();
  write_apic(ApicRegister::timer_initial, 0);
  tsc_hz = rates.tsc_hz;
  apic_hz = rates.apic_hz;
  if (tsc_hz < 1'000'000 || apic_hz < 100'000) {
    return "the time-stamp counter or the APIC timer does not count";
  }
  // 10^9 * 2^32 / hz; the product is below 2^62.
  ns_per_tick_32 = (1'000'000'000ULL << 32) / tsc_hz;
  tsc_start = start;
  return nullptr;
}

void init_secondary_timer() {
  write_apic(ApicRegister::timer_divide, divide_by_16);
  write_apic(ApicRegister::timer_vector, timer_masked | uint32_t(timer_vector));
  write_apic(ApicRegister::timer_initial, 0);
}

uint64_t monotonic_ns() {
  if (ns_per_tick_32 == 0) {
    return 0;
  }
  return scale_32(read_tsc() - tsc_start, ns_per_tick_32);
}

uint64_t counter_hz() {
  return tsc_hz;
}

void start_one_shot(uint64_t delay_ns) {
  write_apic(ApicRegister::timer_vector, uint32_t(timer_vector));
  write_apic(ApicRegister::timer_initial, apic_count(delay_ns));
}

void stop_timer() {
  write_apic(ApicRegister::timer_vector, timer_masked | uint32_t(timer_vector));
  write_apic(ApicRegister::timer_initial, 0);
}

}  // namespace cpu
