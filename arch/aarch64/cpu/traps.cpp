#include "cpu/traps.h"

#include "base/check.h"
#include "cpu/gic.h"
#include "cpu/interrupt_controller.h"
#include "cpu/ipi.h"
#include "cpu/probe.h"
#include "cpu/syndrome.h"
#include "cpu/sysreg.h"
#include "cpu/timer_line.h"
#include "kernel/seam/traps.h"

extern "C" const char exception_vectors[];

namespace cpu {

namespace {

// The vectors come in four groups (current EL with SP_EL0, with SP_EL1, lower EL in AArch64, in
// AArch32) of four kinds.
enum class VectorKind : uint8_t { synchronous = 0, irq = 1, fiq = 2, serror = 3 };

VectorKind kind_of(const TrapFrame& frame) {
  return static_cast<VectorKind>(frame.vector & 3);
}

// Groups that a kernel which runs on SP_EL1 and starts no AArch32 program never sees.
bool is_impossible(const TrapFrame& frame) {
  return frame.vector < 4 || frame.vector >= 12;
}

void interrupt(TrapFrame& frame) {
  const uint32_t line = gic::acknowledge();
  if (line >= gic::first_special) {
    return;  // it went away by itself
  }
  if (line == timer_line()) {
    timer_expired();
    end_of_interrupt(line);
    kernel::trap_timer(frame);
  } else if (line < gic::first_per_cpu) {
    end_of_interrupt(line);
    kernel::trap_ipi(frame, Ipi(line));
  } else {
    kernel::trap_interrupt(frame, line);
  }
}

void synchronous(TrapFrame& frame) {
  const Syndrome syndrome{frame.esr};
  if (syndrome.is_system_call() && frame.from_user()) {
    kernel::trap_syscall(frame);
  } else if (syndrome.is_page_fault()) {
    kernel::trap_page_fault(frame, syndrome.page_fault(frame));
  } else {
    kernel::trap_exception(frame, syndrome.exception());
  }
}

void dispatch(TrapFrame& frame) {
  using kernel::ExceptionKind;
  BASE_DCHECK(user_access_is_closed(), "user access is open in a trap handler");
  if (is_impossible(frame)) {
    kernel::trap_exception(frame,
                           {"exception through an unused vector", ExceptionKind::other, frame.esr});
    return;
  }
  switch (kind_of(frame)) {
    case VectorKind::synchronous: synchronous(frame); return;
    case VectorKind::irq: interrupt(frame); return;
    case VectorKind::fiq:
      kernel::trap_exception(frame, {"FIQ", ExceptionKind::hardware, 0});
      return;
    case VectorKind::serror:
      kernel::trap_exception(frame, {"SError", ExceptionKind::hardware, frame.esr});
      return;
  }
}

}  // namespace

TrapFrame TrapFrame::for_user(uint64_t pc, uint64_t sp) {
  TrapFrame frame{};
  frame.elr = pc;
  frame.stack_pointer = sp;
  frame.spsr = pstate::mode_el0;
  return frame;
}

void init_traps() {
  SYSREG_WRITE("vbar_el1", reinterpret_cast<uint64_t>(exception_vectors));
  isb();
  asm volatile("msr daifclr, #4" : : : "memory");  // SError: a report now beats one much later
}

}  // namespace cpu

extern "C" void cpu_trap_from_user(cpu::TrapFrame* frame) {
  cpu::dispatch(*frame);
}

extern "C" void cpu_trap_from_kernel(cpu::TrapFrame* frame) {
  cpu::dispatch(*frame);
}

extern "C" [[noreturn]] void cpu_trap_stack_overflow(cpu::TrapFrame* frame) {
  kernel::trap_stack_overflow(*frame, frame->far);
}

extern "C" [[noreturn]] void kernel_main_entry(const void* boot_info) {
  kernel::kernel_main(boot_info);
}
