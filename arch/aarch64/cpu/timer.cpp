// timer.cpp: the virtual counter and the EL1 virtual timer.
//
// The counter's frequency is the firmware's (CNTFRQ_EL0). Time is cycles * scale / 2^32, with the
// scale rounded down once, so that it never goes backwards.
// Source: Arm ARM D11 (generic timer); ACPI 5.2.25 (GTDT).
#include "cpu/timer.h"

#include "cpu/interrupt_controller.h"
#include "cpu/sysreg.h"
#include "cpu/timer_line.h"

namespace cpu {
namespace {

constexpr uint64_t control_enable = 1;
constexpr uint32_t usual_virtual_timer = 27;  // the PPI that the base system architecture names
constexpr uint64_t second_ns = 1'000'000'000;

uint64_t hz = 0;
uint64_t scale = 0;        // nanoseconds a cycle, 32 fractional bits
uint64_t start_count = 0;  // counter at init_timer()
uint32_t interrupt_line = 0;

uint64_t counter() {
  isb();  // the counter may otherwise be read early
  return SYSREG_READ("cntvct_el0");
}

uint64_t cycles_of(uint64_t ns) {
  return ns / second_ns * hz + ns % second_ns * hz / second_ns;
}

void arm(uint64_t deadline) {
  SYSREG_WRITE("cntv_cval_el0", deadline);
  SYSREG_WRITE("cntv_ctl_el0", control_enable);
  isb();
}

}  // namespace

const char* init_timer(const kernel::Platform& platform) {
  hz = SYSREG_READ("cntfrq_el0");
  if (hz < 1'000'000 || hz > 16 * second_ns) {
    return "the firmware left no plausible counter frequency (CNTFRQ_EL0)";
  }
  scale = (second_ns << 32) / hz;
  interrupt_line = platform.gtdt.present && platform.gtdt.virtual_timer != 0
                       ? platform.gtdt.virtual_timer
                       : usual_virtual_timer;
  start_count = counter();
  SYSREG_WRITE("cntv_ctl_el0", 0);
  isb();
  enable_line(interrupt_line, LineTrigger::level);
  return nullptr;
}

void init_secondary_timer() {
  SYSREG_WRITE("cntv_ctl_el0", 0);
  isb();
  enable_line(interrupt_line, LineTrigger::level);
}

uint64_t monotonic_ns() {
  if (scale == 0) {
    return 0;
  }
  const uint64_t cycles = counter() - start_count;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(cycles) * scale >> 32);
}

uint64_t counter_hz() {
  return hz;
}

void start_one_shot(uint64_t delay_ns) {
  arm(counter() + cycles_of(delay_ns));
}

void stop_timer() {
  SYSREG_WRITE("cntv_ctl_el0", 0);
  isb();
}

uint32_t timer_line() {
  return interrupt_line;
}

void timer_expired() {
  stop_timer();
}

}  // namespace cpu
