#include "kernel/log/panic.h"

#include <cstdarg>

#include "base/check.h"
#include "cpu/cpu.h"
#include "kernel/host/cpus.h"
#include "kernel/host/shutdown.h"
#include "kernel/host/spin_lock.h"
#include "kernel/log/backtrace.h"
#include "kernel/log/format.h"
#include "kernel/log/log.h"
#include "kernel/sanitizer/shadow.h"

namespace kernel {

namespace {

bool panicking = false;  // on the CPU that goes on alone

struct Reason {
  char text[256];
  size_t used = 0;
};

// The reason, formatted; a panic inside a panic stops at once.
void begin(Reason& reason, const char* format, va_list arguments) {
  stop_other_cpus();
  break_spin_locks();
  stop_address_checks();
  if (panicking) {
    log_plain("@panic while panicking");
    log_plain("@end");
    end_machine(panic_status);
  }
  panicking = true;
  format_to(
      [](void* context, const char* text, size_t size) {
        auto* to = static_cast<Reason*>(context);
        for (size_t i = 0; i < size && to->used + 1 < sizeof(to->text); ++i) {
          to->text[to->used++] = text[i];
        }
      },
      &reason, format, arguments);
  reason.text[reason.used] = '\0';
  if (log_channel() == LogChannel::pending) {
    set_log_channel(LogChannel::console);
  }
  log_plain("@panic %s", reason.text);
}

void print_registers(const cpu::TrapFrame& frame) {
  char line[128];
  size_t used = 0;
  unsigned column = 0;
  frame.for_each_register([&](const char* name, uint64_t value) {
    used += format_into(line + used, sizeof(line) - used, "%s%6s %016lx", column ? "  " : "  ",
                        name, value);
    if (++column == 3) {
      log_plain("%s", line);
      column = 0;
      used = 0;
    }
  });
  if (column != 0) {
    log_plain("%s", line);
  }
}

[[noreturn]] void finish() {
  log_plain("@end");
  end_machine(panic_status);
}

}  // namespace

void panic(const char* format, ...) {
  Reason reason;
  va_list arguments;
  va_start(arguments, format);
  begin(reason, format, arguments);
  va_end(arguments);
  print_backtrace(0, cpu::frame_pointer());
  finish();
}

void panic_at(const cpu::TrapFrame& frame, const char* format, ...) {
  Reason reason;
  va_list arguments;
  va_start(arguments, format);
  begin(reason, format, arguments);
  va_end(arguments);
  print_registers(frame);
  if (!frame.from_user()) {
    print_backtrace(frame.pc(), frame.frame_pointer(), frame.link());
  }
  finish();
}

}  // namespace kernel

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  kernel::panic("%s (%s:%u)", message, file, line);
}
