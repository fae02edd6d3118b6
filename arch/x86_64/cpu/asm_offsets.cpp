// asm_offsets.cpp: the numbers that assembly needs, taken from the C++ types. Compiled to
// assembly, never linked; tools/asm-offsets turns each marker into a #define.
#include "cpu/context.h"
#include "cpu/descriptor_tables.h"
#include "cpu/io.h"
#include "cpu/per_cpu.h"
#include "cpu/probe.h"
#include "cpu/secondary_start.h"
#include "cpu/trap_frame.h"

#include <cstddef>

// NOLINTNEXTLINE: the marker is text in the compiler's output, not an instruction.
#define EMIT(name, value) asm volatile("\n.ascii \"-> " #name " %c0\"" : : "i"(value))

[[gnu::used]] void asm_offsets() {
  EMIT(PER_CPU_KERNEL_STACK_TOP, offsetof(cpu::PerCpu, kernel_stack_top));
  EMIT(KERNEL_STACK_SIZE, cpu::kernel_stack_size);
  EMIT(PER_CPU_USER_SP, offsetof(cpu::PerCpu, user_sp));
  EMIT(FRAME_SIZE, sizeof(cpu::TrapFrame));
  EMIT(FRAME_RCX, offsetof(cpu::TrapFrame, rcx));
  EMIT(FRAME_R11, offsetof(cpu::TrapFrame, r11));
  EMIT(FRAME_VECTOR, offsetof(cpu::TrapFrame, vector));
  EMIT(FRAME_RIP, offsetof(cpu::TrapFrame, rip));
  EMIT(FRAME_CS, offsetof(cpu::TrapFrame, cs));
  EMIT(FRAME_RFLAGS, offsetof(cpu::TrapFrame, rflags));
  EMIT(FRAME_RSP, offsetof(cpu::TrapFrame, rsp));
  EMIT(SYSCALL_VECTOR, cpu::TrapFrame::syscall_vector);
  EMIT(CONTEXT_SP, offsetof(cpu::Context, sp));
  EMIT(USER_CODE_SELECTOR, cpu::user_code_selector);
  EMIT(USER_DATA_SELECTOR, cpu::user_data_selector);
  EMIT(GS_BASE_MSR, uint32_t(cpu::Msr::gs_base));
  EMIT(EFER_MSR, uint32_t(cpu::Msr::efer));
  EMIT(SECONDARY_START, cpu::secondary_start_offset);
  EMIT(START_CONTROL4, offsetof(cpu::SecondaryStart, control4));
  EMIT(START_ROOT, offsetof(cpu::SecondaryStart, root));
  EMIT(START_EFER, offsetof(cpu::SecondaryStart, efer));
  EMIT(START_CONTROL0, offsetof(cpu::SecondaryStart, control0));
  EMIT(START_TABLES, offsetof(cpu::SecondaryStart, tables_limit));
  EMIT(START_TARGET, offsetof(cpu::SecondaryStart, target));
  EMIT(START_ENTRY, offsetof(cpu::SecondaryStart, entry));
  EMIT(START_STACK, offsetof(cpu::SecondaryStart, stack_top));
  EMIT(START_BLOCK, offsetof(cpu::SecondaryStart, block));
  EMIT(START_KERNEL_ROOT, offsetof(cpu::SecondaryStart, kernel_root));
}
