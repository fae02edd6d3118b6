#include "cpu/power.h"

#include "cpu/cpu.h"
#include "cpu/psci.h"
#include "cpu/semihosting.h"

namespace cpu {

void power_off(const kernel::Platform& platform, ExitPath path, uint8_t status) {
  (void)mask_interrupts();
  if (path == ExitPath::emulator) {
    const uint64_t parameters[2] = {semihosting_application_exit, status};
    semihosting_call(SemihostingOperation::exit, parameters);
  }
  if (platform.fadt.present && platform.fadt.psci) {
    (void)psci_call(platform.fadt.psci_hvc ? PsciConduit::hvc : PsciConduit::smc, psci_system_off,
                    0, 0, 0);
  }
  halt();
}

}  // namespace cpu
