#include "kernel/host/shutdown.h"

#include "cpu/debug_channel.h"
#include "cpu/power.h"
#include "kernel/driver/acpi.h"
#include "kernel/driver/screen.h"
#include "kernel/host/cpus.h"
#include "kernel/host/options.h"
#include "kernel/log/log.h"

namespace kernel {

void end_machine(uint8_t status) {
  stop_other_cpus();
  finish_screen();
  const bool through_channel = cpu::debug_channel_exits && log_channel() == LogChannel::debug;
  const auto path = options().exit_to_emulator || through_channel ? cpu::ExitPath::emulator
                                                                  : cpu::ExitPath::platform;
  cpu::power_off(platform(), path, status);
}

void exit_machine(uint8_t status) {
  if (log_channel() == LogChannel::debug) {
    log_plain("@exit %u", unsigned(status));
    log_plain("@end");
  } else {
    LOG_INFO("status %u; power off", unsigned(status));
  }
  end_machine(status);
}

}  // namespace kernel
