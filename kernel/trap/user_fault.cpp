#include "kernel/trap/user_fault.h"

#include "cpu/cpu.h"
#include "cpu/signal_frame.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/format.h"
#include "kernel/log/log.h"
#include "kernel/process/exit.h"
#include "kernel/process/signal_deliver.h"

namespace kernel {

namespace {

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

void refuse_exception(const cpu::TrapFrame& frame, const ExceptionInfo& info) {
  const ExceptionSignal told = cpu::exception_signal(frame, info);
  const auto signal = Signal(told.number);
  if (raise_fault(SignalInfo::fault(signal, told.code, told.address),
                  {0, cpu::fault_code(frame), cpu::fault_vector(frame)})) {
    return;
  }
  const Process& process = cpu_local().thread->process();
  LOG_INFO("%s[%u]: killed: %s (code 0x%lx), pc 0x%lx, sp 0x%lx", process.name(), process.id(),
           info.name, info.code, frame.pc(), frame.sp());
  die(signal);
}

FaultSignal signal_of(const FaultInfo& fault, vm::Refusal refusal) {
  switch (refusal) {
    case vm::Refusal::unmapped: break;
    case vm::Refusal::access:
      return {Signal::segment, signal_code::access_refused, fault.address,
              "the mapping does not allow it"};
    case vm::Refusal::bus:
      return {Signal::bus, signal_code::bad_address, fault.address,
              "there is no such page behind the mapping"};
    case vm::Refusal::out_of_memory: return {Signal::kill, 0, fault.address, "out of memory"};
  }
  return {Signal::segment, signal_code::not_mapped, fault.address, "nothing is mapped there"};
}

void refuse_user_fault(const cpu::TrapFrame& frame, const FaultInfo& fault, vm::Refusal refusal) {
  Process& process = cpu_local().thread->process();
  const FaultSignal signal = signal_of(fault, refusal);
  if (raise_fault(SignalInfo::fault(signal.signal, signal.code, signal.address),
                  {fault.address, cpu::fault_code(frame), cpu::fault_vector(frame)})) {
    return;
  }
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
