// traps.h: what the cpu layer reports to the kernel. Declared here, defined in kernel/trap/,
// called by arch/<isa>/cpu/ on the interrupted thread's kernel stack (trap_stack_overflow and
// trap_nmi: on a stack of their own), with interrupts masked and user access closed. Returning
// resumes at `frame`, which may have been changed.
#pragma once

#include "cpu/ipi.h"
#include "cpu/per_cpu.h"
#include "cpu/trap_frame.h"

#include <cstdint>

namespace kernel {

enum class FaultAccess : uint8_t { read, write, execute };

struct FaultInfo {
  uint64_t address;  // the faulting virtual address, canonicalised, as the processor reports it
  FaultAccess access;
  bool user;      // the access was made in user mode
  bool present;   // a translation existed but refused (rights); false: none existed
  uint64_t code;  // error code (x86_64) or ESR_EL1 (aarch64), for messages
};

// A translation or rights fault, data or instruction.
void trap_page_fault(cpu::TrapFrame& frame, const FaultInfo& fault);

enum class ExceptionKind : uint8_t {
  illegal_instruction,
  arithmetic,
  breakpoint,
  single_step,
  alignment,
  protection,   // x86_64: general protection and segment faults
  memory_copy,  // aarch64: a copy was cut between its instructions, and begun by another processor
  hardware,     // machine check, SError, external abort
  other,
};

struct ExceptionInfo {
  const char* name;  // "#GP general protection", "unknown instruction"
  ExceptionKind kind;
  uint64_t code;  // error code or ESR_EL1
};

// Any other synchronous exception, from user or kernel mode.
void trap_exception(cpu::TrapFrame& frame, const ExceptionInfo& info);

// A device interrupt on `line` (x86_64: global system interrupt; aarch64: INTID). The kernel calls
// cpu::end_of_interrupt(line) once the device is quiet.
void trap_interrupt(cpu::TrapFrame& frame, uint32_t line);

// The timer expired; already acknowledged, not running.
void trap_timer(cpu::TrapFrame& frame);

// Another CPU has sent this (cpu/ipi.h); already acknowledged.
void trap_ipi(cpu::TrapFrame& frame, cpu::Ipi which);

// A system call: number, arguments and result through the frame.
void trap_syscall(cpu::TrapFrame& frame);

// Non-maskable interrupt (aarch64: never called). May interrupt anything: only reads.
void trap_nmi(cpu::TrapFrame& frame);

// The trap could not be taken on the kernel stack: x86_64 double fault, aarch64 SP outside the
// stack in the vector. `address` is the fault address register. Runs on an emergency stack.
[[noreturn]] void trap_stack_overflow(cpu::TrapFrame& frame, uint64_t address);

// The C++ entry, called once by entry.S on the boot CPU's static boot stack with frame pointer 0;
// `boot_info` is the loader's argument, unchecked.
[[noreturn]] void kernel_main(const void* boot_info);

// The same on every other CPU (cpu/secondary.h), on the stack it was given; `block` is its own, not
// yet installed.
[[noreturn]] void secondary_main(cpu::PerCpu& block);

}  // namespace kernel
