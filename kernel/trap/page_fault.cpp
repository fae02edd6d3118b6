// page_fault.cpp: faults of translation: demand paging first, then recovery, then the culprit.
#include "cpu/page_format.h"
#include "cpu/probe.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/panic.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/process/process.h"
#include "kernel/process/thread.h"
#include "kernel/seam/traps.h"
#include "kernel/trap/user_fault.h"

namespace kernel {

namespace {

base::Access wanted(const FaultInfo& fault) {
  switch (fault.access) {
    case FaultAccess::read: return base::Right::read;
    case FaultAccess::write: return base::Right::write;
    case FaultAccess::execute: break;
  }
  return base::Right::execute;
}

const cpu::Fixup* find_fixup(uint64_t pc) {
  for (const cpu::Fixup* at = cpu::kernel_fixups_start; at != cpu::kernel_fixups_end; ++at) {
    if (at->fault_pc == pc) {
      return at;
    }
  }
  return nullptr;
}

bool recover(cpu::TrapFrame& frame, const FaultInfo& fault) {
  CpuLocal& local = cpu_local();
  if (fault.access == FaultAccess::execute && local.expected_fetch_fault == frame.pc() &&
      frame.pc() != 0) {
    local.expected_fetch_fault = 0;
    frame.set_pc(reinterpret_cast<uint64_t>(cpu::cpu_probe_execute_resume));
    return true;
  }
  if (const cpu::Fixup* fixup = find_fixup(frame.pc())) {
    frame.set_pc(fixup->resume_pc);
    return true;
  }
  return false;
}

[[noreturn]] void kernel_fault(const cpu::TrapFrame& frame, const FaultInfo& fault) {
  if (is_stack_guard(fault.address)) {
    panic_at(frame, "kernel stack overflow (address %lx)", fault.address);
  }
  const char* what = fault.access == FaultAccess::execute ? "execution"
                     : fault.access == FaultAccess::write ? "write"
                                                          : "read";
  panic_at(frame, "kernel %s fault at %lx (%s, code %lx)", what, fault.address,
           fault.present ? "protection" : "not mapped", fault.code);
}

}  // namespace

void trap_page_fault(cpu::TrapFrame& frame, const FaultInfo& fault) {
  Thread* thread = cpu_local().thread;
  // The kernel reaches user memory only from instructions in the fixup table; a fault anywhere
  // else is its own and must not be resolved. Nor is one on a page that is there (user access
  // was closed, or the right is missing).
  const bool may_resolve = fault.user || (!fault.present && find_fixup(frame.pc()) != nullptr);
  FaultOutcome outcome = FaultOutcome::unmapped;
  if (thread != nullptr && may_resolve && fault.address < UserSpace::end()) {
    outcome = thread->process().space().fault(base::UserAddr(fault.address), wanted(fault));
    if (outcome == FaultOutcome::resolved) {
      return;
    }
  }
  if (frame.from_user()) {
    kill_for_fault(frame, fault, fault_outcome_name(outcome));
  }
  if (!recover(frame, fault)) {
    kernel_fault(frame, fault);
  }
}

}  // namespace kernel
