#include "kernel/trap/user_fault.h"

#include "cpu/cpu.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/format.h"
#include "kernel/log/log.h"
#include "kernel/process/exit.h"

namespace kernel {

namespace {

Signal signal_of(ExceptionKind kind) {
  switch (kind) {
    case ExceptionKind::illegal_instruction: return Signal::illegal;
    case ExceptionKind::arithmetic: return Signal::arithmetic;
    case ExceptionKind::breakpoint:
    case ExceptionKind::single_step: return Signal::trap;
    case ExceptionKind::alignment:
    case ExceptionKind::hardware: return Signal::bus;
    case ExceptionKind::protection:
    case ExceptionKind::other: break;
  }
  return Signal::segment;
}

const char* access_name(FaultAccess access) {
  switch (access) {
    case FaultAccess::read: return "read";
    case FaultAccess::write: return "write";
    case FaultAccess::execute: break;
  }
  return "execute";
}

[[noreturn]] void die(Signal signal) {
  cpu::unmask_interrupts();
  exit_process(WaitStatus::killed(unsigned(signal)));
}

}  // namespace

void kill_for_exception(const cpu::TrapFrame& frame, const ExceptionInfo& info) {
  const Process& process = cpu_local().thread->process();
  LOG_INFO("%s[%u]: killed: %s (code 0x%lx), pc 0x%lx, sp 0x%lx", process.name(), process.id(),
           info.name, info.code, frame.pc(), frame.sp());
  die(signal_of(info.kind));
}

void kill_for_fault(const cpu::TrapFrame& frame, const FaultInfo& fault, const char* reason) {
  const Process& process = cpu_local().thread->process();
  char mapping[160];
  char walk[160];
  process.space().describe(base::UserAddr(fault.address), mapping, sizeof(mapping));
  process.space().describe_walk(base::UserAddr(fault.address), walk, sizeof(walk));
  LOG_INFO("%s[%u]: killed: %s of 0x%lx: %s (%s), pc 0x%lx, sp 0x%lx; tables: %s", process.name(),
           process.id(), access_name(fault.access), fault.address, reason, mapping, frame.pc(),
           frame.sp(), walk);
  die(Signal::segment);
}

}  // namespace kernel
