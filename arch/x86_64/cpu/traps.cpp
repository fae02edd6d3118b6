#include "cpu/traps.h"

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cpu/descriptor_tables.h"
#include "cpu/io.h"
#include "cpu/ipi.h"
#include "cpu/local_apic.h"
#include "cpu/page_format.h"
#include "cpu/per_cpu.h"
#include "cpu/probe.h"
#include "cpu/trap_frame.h"
#include "cpu/vectors.h"
#include "kernel/seam/traps.h"

extern "C" const uint8_t cpu_vector_stubs[256][16];
extern "C" const uint8_t cpu_syscall_entry[];

// Read by trap_entry.S before every return to user mode.
extern "C" uint64_t cpu_user_limit;
uint64_t cpu_user_limit = cpu::user_end(4);

namespace cpu {

namespace {

// An interrupt gate (SDM volume 3, 6.14.1).
struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack;  // IST index
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

alignas(4096) Gate interrupt_table[256];

constexpr uint8_t interrupt_gate = 0x8e;
constexpr uint8_t user_interrupt_gate = 0xee;  // reachable by INT3 and INTO from user mode

void set_gate(unsigned vector) {
  const auto handler = reinterpret_cast<uint64_t>(cpu_vector_stubs[vector]);
  Gate& gate = interrupt_table[vector];
  gate.offset_low = uint16_t(handler);
  gate.offset_middle = uint16_t(handler >> 16);
  gate.offset_high = uint32_t(handler >> 32);
  gate.selector = kernel_code_selector;
  gate.type = vector == breakpoint_vector ? user_interrupt_gate : interrupt_gate;
  gate.stack = uint8_t(vector == double_fault_vector    ? EmergencyStack::double_fault
                       : vector == nmi_vector           ? EmergencyStack::nmi
                       : vector == machine_check_vector ? EmergencyStack::machine_check
                                                        : EmergencyStack::none);
}

using kernel::ExceptionKind;

struct ExceptionName {
  const char* name;
  ExceptionKind kind;
};

constexpr ExceptionName exception_names[32] = {
    {"#DE divide error", ExceptionKind::arithmetic},
    {"#DB debug", ExceptionKind::single_step},
    {"NMI", ExceptionKind::other},
    {"#BP breakpoint", ExceptionKind::breakpoint},
    {"#OF overflow", ExceptionKind::arithmetic},
    {"#BR bound range", ExceptionKind::protection},
    {"#UD invalid opcode", ExceptionKind::illegal_instruction},
    {"#NM device not available", ExceptionKind::illegal_instruction},
    {"#DF double fault", ExceptionKind::other},
    {"coprocessor overrun", ExceptionKind::other},
    {"#TS invalid TSS", ExceptionKind::protection},
    {"#NP segment not present", ExceptionKind::protection},
    {"#SS stack segment", ExceptionKind::protection},
    {"#GP general protection", ExceptionKind::protection},
    {"#PF page fault", ExceptionKind::other},
    {"reserved 15", ExceptionKind::other},
    {"#MF x87 error", ExceptionKind::arithmetic},
    {"#AC alignment check", ExceptionKind::alignment},
    {"#MC machine check", ExceptionKind::hardware},
    {"#XM SIMD error", ExceptionKind::arithmetic},
    {"#VE virtualisation", ExceptionKind::other},
    {"#CP control protection", ExceptionKind::protection},
    {"reserved 22", ExceptionKind::other},
    {"reserved 23", ExceptionKind::other},
    {"reserved 24", ExceptionKind::other},
    {"reserved 25", ExceptionKind::other},
    {"reserved 26", ExceptionKind::other},
    {"reserved 27", ExceptionKind::other},
    {"#HV hypervisor", ExceptionKind::other},
    {"#VC VMM communication", ExceptionKind::other},
    {"#SX security", ExceptionKind::other},
    {"reserved 31", ExceptionKind::other},
};

// Page-fault error code (SDM volume 3, 4.7).
constexpr uint64_t error_present = 1u << 0;
constexpr uint64_t error_write = 1u << 1;
constexpr uint64_t error_user = 1u << 2;
constexpr uint64_t error_fetch = 1u << 4;

void page_fault(TrapFrame& frame) {
  const kernel::FaultAccess access = (frame.error & error_fetch)   ? kernel::FaultAccess::execute
                                     : (frame.error & error_write) ? kernel::FaultAccess::write
                                                                   : kernel::FaultAccess::read;
  const kernel::FaultInfo fault{read_cr2(), access, (frame.error & error_user) != 0,
                                (frame.error & error_present) != 0, frame.error};
  kernel::trap_page_fault(frame, fault);
}

void exception(TrapFrame& frame) {
  switch (frame.vector) {
    case nmi_vector: kernel::trap_nmi(frame); return;
    case double_fault_vector: kernel::trap_stack_overflow(frame, read_cr2());
    case page_fault_vector: page_fault(frame); return;
    default: break;
  }
  const ExceptionName& known = exception_names[frame.vector];
  kernel::trap_exception(frame, {known.name, known.kind, frame.error});
}

}  // namespace

TrapFrame TrapFrame::for_user(uint64_t pc, uint64_t sp) {
  TrapFrame frame{};
  frame.rip = pc;
  frame.rsp = sp;
  frame.cs = user_code_selector;
  frame.ss = user_data_selector;
  frame.rflags = 0x202;  // interrupts on, and the bit that is always 1
  return frame;
}

void init_traps() {
  if (this_cpu().index == 0) {  // the others use the same table
    for (unsigned vector = 0; vector < 256; ++vector) {
      set_gate(vector);
    }
    cpu_user_limit = user_end((read_cr4() & (1u << 12)) ? 5 : 4);
  }
  struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } const pointer{sizeof(interrupt_table) - 1, reinterpret_cast<uint64_t>(interrupt_table)};
  asm volatile("lidt %0" : : "m"(pointer) : "memory");

  constexpr uint64_t efer_syscall = 1;
  write_msr(Msr::efer, read_msr(Msr::efer) | efer_syscall);
  write_msr(Msr::star,
            (uint64_t(user_base_selector) << 48) | (uint64_t(kernel_code_selector) << 32));
  write_msr(Msr::lstar, reinterpret_cast<uint64_t>(cpu_syscall_entry));
  // Cleared on entry: TF, IF, DF, IOPL, NT, AC.
  write_msr(Msr::fmask, 0x4'7700);
}

}  // namespace cpu

extern "C" void cpu_dispatch_trap(cpu::TrapFrame* frame) {
  using namespace cpu;
  BASE_DCHECK(user_access_is_closed(), "user access is open in a trap handler");
  if (frame->vector == TrapFrame::syscall_vector) {
    kernel::trap_syscall(*frame);
  } else if (frame->vector < exception_vectors) {
    exception(*frame);
  } else if (frame->vector == timer_vector) {
    local_apic_end_of_interrupt();
    kernel::trap_timer(*frame);
  } else if (frame->vector == reschedule_vector || frame->vector == shootdown_vector) {
    local_apic_end_of_interrupt();
    kernel::trap_ipi(*frame, frame->vector == reschedule_vector ? Ipi::reschedule : Ipi::shootdown);
  } else if (frame->vector >= first_line_vector && frame->vector < end_line_vector) {
    kernel::trap_interrupt(*frame, uint32_t(frame->vector - first_line_vector));
  }
  // Anything else is spurious: nothing to end.
}

// The program's pc is where no instruction can be; it is told as the processor would tell it.
extern "C" void cpu_refuse_user_pc(cpu::TrapFrame* frame) {
  frame->vector = cpu::general_protection_vector;
  frame->error = 0;
  kernel::trap_exception(
      *frame, {"#GP return to a non-canonical address", kernel::ExceptionKind::protection, 0});
}

extern "C" [[noreturn]] void kernel_main_entry(const void* boot_info) {
  kernel::kernel_main(boot_info);
}
