// asm_offsets.cpp: the constants that assembly needs, taken from the C++ definitions.
//
// Compiled to assembly, never linked; tools/asm-offsets turns each marker into a #define.
#include "cpu/context.h"
#include "cpu/per_cpu.h"
#include "cpu/switch_frame.h"
#include "cpu/trap_frame.h"
#include "cpu/user_state.h"

#include <cstddef>

// NOLINTNEXTLINE: the marker is text in the compiler's output, not an instruction.
#define EMIT(name, value) asm volatile("\n.ascii \"-> " #name " %c0\"" : : "i"(value))

[[gnu::used]] void asm_offsets() {
  EMIT(FRAME_SIZE, sizeof(cpu::TrapFrame));
  EMIT(FRAME_X, offsetof(cpu::TrapFrame, x));
  EMIT(FRAME_SP, offsetof(cpu::TrapFrame, stack_pointer));
  EMIT(FRAME_ELR, offsetof(cpu::TrapFrame, elr));
  EMIT(FRAME_SPSR, offsetof(cpu::TrapFrame, spsr));
  EMIT(FRAME_ESR, offsetof(cpu::TrapFrame, esr));
  EMIT(FRAME_FAR, offsetof(cpu::TrapFrame, far));
  EMIT(FRAME_VECTOR, offsetof(cpu::TrapFrame, vector));
  EMIT(FRAME_RECORD, offsetof(cpu::TrapFrame, record));

  EMIT(PER_CPU_KERNEL_STACK_TOP, offsetof(cpu::PerCpu, kernel_stack_top));
  EMIT(PER_CPU_RUNNING_STACK_TOP, offsetof(cpu::PerCpu, running_stack_top));
  EMIT(PER_CPU_OVERFLOW_SCRATCH, offsetof(cpu::PerCpu, overflow_scratch));
  EMIT(PER_CPU_EMERGENCY_TOP, offsetof(cpu::PerCpu, emergency_stack) + cpu::kernel_stack_size);
  EMIT(START_MAIR, offsetof(cpu::SecondaryStart, mair));
  EMIT(START_TTBR0, offsetof(cpu::SecondaryStart, ttbr0));
  EMIT(START_SCTLR, offsetof(cpu::SecondaryStart, sctlr));
  EMIT(START_STACK, offsetof(cpu::SecondaryStart, stack_top));
  EMIT(KERNEL_STACK_SIZE, cpu::kernel_stack_size);
  EMIT(TRAP_STACK_ROOM, cpu::trap_stack_room);

  EMIT(CONTEXT_SP, offsetof(cpu::Context, sp));
  EMIT(CONTEXT_STACK_TOP, offsetof(cpu::Context, stack_top));
  EMIT(SWITCH_FRAME_SIZE, sizeof(cpu::SwitchFrame));
  EMIT(SWITCH_FRAME_X19, offsetof(cpu::SwitchFrame, x19));

  EMIT(USER_STATE_FPSR, offsetof(cpu::UserState, fpsr));
  EMIT(USER_STATE_FPCR, offsetof(cpu::UserState, fpcr));
}
