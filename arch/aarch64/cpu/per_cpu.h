// per_cpu.h: the block that belongs to one CPU, found through a register.
//
// x86_64: GS base holds its address while in the kernel (the user's GS base is exchanged with
// SWAPGS on entry from user mode). aarch64: TPIDR_EL1. Assembly reads the fields by generated
// offsets (asm_offsets.cpp).
#pragma once

#include <cstdint>

#include "cpu/trap_frame.h"

namespace cpu {

// Every kernel stack has this size, emergency stacks too; the vectors judge SP by it.
#if defined(KERNEL_SANITIZE_ADDRESS)
inline constexpr uint64_t kernel_stack_size = 32768;  // checked variables have room around them
#else
inline constexpr uint64_t kernel_stack_size = 16384;
#endif
// What a handler may need beside its frame.
inline constexpr uint64_t trap_stack_reserve = 1024;
// A trap that finds less room than this on the kernel stack is reported as its overflow.
inline constexpr uint64_t trap_stack_room = sizeof(TrapFrame) + trap_stack_reserve;

// What a starting CPU is given (secondary_entry.S).
struct SecondaryStart {
  uint64_t mair, tcr;
  uint64_t ttbr0, ttbr1;
  uint64_t sctlr, entry;
  uint64_t stack_top, block;
};

struct PerCpu {
  PerCpu* self;
  uint64_t kernel_stack_top;   // where an entry from user mode starts pushing
  uint64_t running_stack_top;  // of the stack that runs now: boot, kernel thread or user thread's
  uint64_t overflow_scratch;   // of the vectors, while SP is unusable
  uint32_t index;              // 0 .. number of CPUs - 1; the boot CPU is 0
  uint64_t hardware_id;        // MPIDR affinity
  void* kernel_data;           // the kernel's own per-CPU object, opaque here
  uint64_t redistributor;      // its part of the interrupt controller, virtual
  SecondaryStart start;
  alignas(16) uint8_t emergency_stack[kernel_stack_size];
};

// Makes `block` this CPU's block. Called once per CPU, before traps are initialised.
void init_per_cpu(PerCpu& block, uint32_t index);

// This CPU's block. Only meaningful while the caller cannot migrate (interrupts masked, or no
// preemption).
[[nodiscard]] inline PerCpu& this_cpu() {
  PerCpu* block;
  asm volatile("mrs %0, tpidr_el1" : "=r"(block));
  return *block;
}

// The stack an entry from user mode starts on: the top of the running thread's kernel stack.
void set_kernel_stack(uint64_t top);

}  // namespace cpu
