// page_fault.cpp: faults of translation: demand paging first, then recovery, then the culprit.
#include "cpu/page_format.h"
#include "cpu/probe.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/panic.h"
#include "kernel/memory/fail_nth.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/page_wait.h"
#include "kernel/memory/quick_access.h"
#include "kernel/memory/user_space.h"
#include "kernel/seam/traps.h"
#include "kernel/trap/return.h"
#include "kernel/trap/user_fault.h"
#include "usercopy/exception_table.h"
#include "usercopy/user_memory.h"

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

// Asks the space until it resolves or refuses. The page may be owed by a pager: then the thread
// waits, with nothing held, and everything is looked at anew. Nothing: interrupted while waiting.
base::Optional<vm::FaultOutcome> ask_space(UserSpace& space, const FaultInfo& fault) {
  const vm::FaultRequest request{base::UserAddr(fault.address),
                                 wanted(fault).with(base::Right::user)};
  for (;;) {
    vm::FaultOutcome outcome = space.vm().fault(request);
    if (!outcome.must_wait()) {
      return outcome;
    }
    switch (wait_for_page(outcome.token())) {
      case PageWaitResult::over: break;
      case PageWaitResult::interrupted: return base::nothing;
      case PageWaitResult::refused: return vm::FaultOutcome::refused(vm::Refusal::bus);
    }
  }
}

// Where libusercopy goes on when its access of this fault is refused; 0: it was not its access.
uint64_t user_copy_fixup(const cpu::TrapFrame& frame, const FaultInfo& fault) {
  if (fault.user || fault.access == FaultAccess::execute) {
    return 0;
  }
  const auto kind =
      fault.access == FaultAccess::write ? usercopy::AccessKind::write : usercopy::AccessKind::read;
  return usercopy::find_fixup(frame.pc(), fault.address, kind, usercopy_limit);
}

// Where a self-test's probe goes on; 0: it was no probe.
uint64_t probe_fixup(const cpu::TrapFrame& frame, const FaultInfo& fault) {
  uint64_t& expected = cpu_local().expected_fetch_fault;
  if (fault.access == FaultAccess::execute && expected != 0 && expected == frame.pc()) {
    expected = 0;
    return reinterpret_cast<uint64_t>(cpu::cpu_probe_execute_resume);
  }
  for (const cpu::Fixup* at = cpu::kernel_fixups_start; at != cpu::kernel_fixups_end; ++at) {
    if (at->fault_pc == frame.pc()) {
      return at->resume_pc;
    }
  }
  return 0;
}

[[noreturn]] void kernel_fault(const cpu::TrapFrame& frame, const FaultInfo& fault) {
  if (is_stack_guard(fault.address)) {
    panic_at(frame, "kernel stack overflow (address 0x%lx)", fault.address);
  }
  const char* what = fault.access == FaultAccess::execute ? "execution"
                     : fault.access == FaultAccess::write ? "write"
                                                          : "read";
  panic_at(frame, "kernel %s fault at 0x%lx (%s, code %lx)", what, fault.address,
           fault.present ? "protection" : "not mapped", fault.code);
}

// Resolved, or the frame continues at a fixup. Does not return when there is none.
void handle(cpu::TrapFrame& frame, const FaultInfo& fault) {
  UserSpace* space = cpu_local().space;
  const uint64_t copy_fixup = user_copy_fixup(frame, fault);
  // The kernel reaches user memory only through libusercopy; a fault anywhere else is its own and
  // must not be resolved.
  // What holds a lock (quick_access.h) wants to be told at once.
  const bool may_resolve = fault.user || (copy_fixup != 0 && !cpu_local().refuses_user_faults);
  vm::Refusal refusal = vm::Refusal::unmapped;
  if (may_resolve) {
    check_no_lock_is_held();
  }
  if (space != nullptr && may_resolve && fault.address < UserSpace::end()) {
    const base::Optional<vm::FaultOutcome> outcome = ask_space(*space, fault);
    if (!outcome || outcome->is_resolved()) {
      if (!outcome && copy_fixup != 0) {
        frame.set_pc(copy_fixup);
      }
      return;
    }
    refusal = outcome->refusal();
  }
  if (frame.from_user()) {
    refuse_user_fault(frame, fault, refusal);
    return;
  }
  const uint64_t fixup = copy_fixup != 0 ? copy_fixup : probe_fixup(frame, fault);
  if (fixup == 0) {
    kernel_fault(frame, fault);
  }
  frame.set_pc(fixup);
}

}  // namespace

void trap_page_fault(cpu::TrapFrame& frame, const FaultInfo& fault) {
  if (frame.from_user()) {
    {
      const FailurePause pause;
      handle(frame, fault);
    }
    (void)is_observed(frame, ObservedTrap::page_fault);
    return_to_user(frame);
  } else {
    handle(frame, fault);
    (void)is_observed(frame, ObservedTrap::page_fault);
  }
}

}  // namespace kernel
