// traps.cpp: what the kernel does with each trap the cpu layer reports (kernel/seam/traps.h).
#include "kernel/seam/traps.h"

#include "cpu/interrupt_controller.h"
#include "cpu/per_cpu.h"
#include "kernel/driver/console.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/cpus.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/shootdown.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/timer.h"
#include "kernel/trap/return.h"
#include "kernel/trap/user_fault.h"
#include "usercopy/exception_table.h"

namespace kernel {

namespace {

void back_to_user(cpu::TrapFrame& frame) {
  if (frame.from_user()) {
    return_to_user(frame);
  }
}

}  // namespace

void trap_exception(cpu::TrapFrame& frame, const ExceptionInfo& info) {
  if (info.kind == ExceptionKind::single_step && is_observed(frame, ObservedTrap::step)) {
    return;
  }
  if (frame.from_user()) {
    refuse_exception(frame, info);
    return_to_user(frame);
    return;
  }
  if (info.kind == ExceptionKind::memory_copy) {
    if (const uint64_t restart = usercopy::find_restart(frame.pc()); restart != 0) {
      frame.set_pc(restart);
      return;
    }
  }
  panic_at(frame, "%s in the kernel (code 0x%lx)", info.name, info.code);
}

void trap_interrupt(cpu::TrapFrame& frame, uint32_t line) {
  ++cpu_local().device_interrupts;
  if (!console_interrupt(line)) {
    LOG_WARNING("interrupt on line %u, which nobody enabled", line);
  }
  cpu::end_of_interrupt(line);
  back_to_user(frame);
}

void trap_timer(cpu::TrapFrame& frame) {
  ++cpu_local().ticks;
  (void)is_observed(frame, ObservedTrap::timer);
  run_timers();
  scheduler_tick(frame.from_user());
  back_to_user(frame);
}

void trap_ipi(cpu::TrapFrame& frame, cpu::Ipi which) {
  ++cpu_local().ipis_received;
  switch (which) {
    case cpu::Ipi::reschedule: cpu_local().switch_wanted = true; break;
    case cpu::Ipi::shootdown: serve_shootdowns(); break;
    case cpu::Ipi::stop: stop_if_asked(); break;
  }
  back_to_user(frame);
}

void trap_nmi(cpu::TrapFrame& frame) {
  stop_if_asked();
  if (is_observed(frame, ObservedTrap::nmi)) {
    return;
  }
  panic_at(frame, "non-maskable interrupt");
}

void trap_stack_overflow(cpu::TrapFrame& frame, uint64_t address) {
  if (is_stack_guard(address) || is_stack_guard(frame.sp() - cpu::trap_stack_room)) {
    panic_at(frame, "kernel stack overflow (address 0x%lx)", address);
  }
  panic_at(frame, "double fault (address 0x%lx)", address);
}

}  // namespace kernel
