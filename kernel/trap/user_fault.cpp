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

FaultSignal signal_of(const FaultInfo& fault, vm::Refusal refusal) {
  constexpr int32_t segment_unmapped = 1;  // SEGV_MAPERR
  constexpr int32_t segment_rights = 2;    // SEGV_ACCERR
  constexpr int32_t bus_no_page = 2;       // BUS_ADRERR
  switch (refusal) {
    case vm::Refusal::unmapped: break;
    case vm::Refusal::access:
      return {Signal::segment, segment_rights, fault.address, "the mapping does not allow it"};
    case vm::Refusal::bus:
      return {Signal::bus, bus_no_page, fault.address, "there is no such page behind the mapping"};
    case vm::Refusal::out_of_memory: return {Signal::kill, 0, fault.address, "out of memory"};
  }
  return {Signal::segment, segment_unmapped, fault.address, "nothing is mapped there"};
}

void refuse_user_fault(const cpu::TrapFrame& frame, const FaultInfo& fault, vm::Refusal refusal) {
  Process& process = cpu_local().thread->process();
  const FaultSignal signal = signal_of(fault, refusal);
  char mapping[160];
  char walk[160];
  process.space().describe(base::UserAddr(fault.address), mapping, sizeof(mapping));
  process.space().describe_walk(base::UserAddr(fault.address), walk, sizeof(walk));
  LOG_INFO("%s[%u]: killed: %s of 0x%lx: %s (%s), pc 0x%lx, sp 0x%lx; tables: %s", process.name(),
           process.id(), access_name(fault.access), fault.address, signal.reason, mapping,
           frame.pc(), frame.sp(), walk);
  die(signal.signal);
}

}  // namespace kernel
