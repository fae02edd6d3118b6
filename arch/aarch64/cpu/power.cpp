#include "cpu/power.h"

#include "cpu/cpu.h"
#include "cpu/psci.h"
#include "cpu/semihosting.h"

namespace cpu {

namespace {

void call_firmware(const kernel::Fadt& fadt, uint64_t function) {
  if (fadt.present && fadt.psci) {
    (void)psci_call(fadt.psci_hvc ? PsciConduit::hvc : PsciConduit::smc, function, 0, 0, 0);
  }
}

}  // namespace

void power_off(const kernel::Platform& platform, ExitPath path, uint8_t status) {
  (void)mask_interrupts();
  if (path == ExitPath::emulator) {
    const uint64_t parameters[2] = {semihosting_application_exit, status};
    semihosting_call(SemihostingOperation::exit, parameters);
  }
  call_firmware(platform.fadt, psci_system_off);
  halt();
}

void reset(const kernel::Platform& platform) {
  (void)mask_interrupts();
  call_firmware(platform.fadt, psci_system_reset);
  halt();
}

}  // namespace cpu
