// per_cpu.h: the block that belongs to one CPU, found through a register.
//
// x86_64: GS base holds its address while in the kernel (the user's GS base is exchanged with
// SWAPGS on entry from user mode). aarch64: TPIDR_EL1. Assembly reads the fields by generated
// offsets (asm_offsets.cpp).
#pragma once

#include "cpu/descriptor_tables.h"

#include <cstdint>

namespace cpu {

// Every kernel stack has this size.
#if defined(KERNEL_SANITIZE_ADDRESS)
inline constexpr uint64_t kernel_stack_size = 32768;  // checked variables have room around them
#else
inline constexpr uint64_t kernel_stack_size = 16384;
#endif
// A trap that finds less room than this on the kernel stack is reported as its overflow: what the
// processor pushes.
inline constexpr uint64_t trap_stack_room = 48;

struct PerCpu {
  PerCpu* self;               // first, so that `mov %gs:0` yields the block's address
  uint64_t kernel_stack_top;  // where an entry from user mode starts pushing
  uint64_t user_sp;           // scratch of the SYSCALL entry
  uint32_t index;             // 0 .. number of CPUs - 1; the boot CPU is 0
  uint32_t hardware_id;       // local APIC id; aarch64: MPIDR affinity
  void* kernel_data;          // the kernel's own per-CPU object, opaque here
  DescriptorTables tables;
};

// Makes `block` this CPU's block. Called once per CPU, before traps are initialised.
void init_per_cpu(PerCpu& block, uint32_t index);

// This CPU's block. Only meaningful while the caller cannot migrate (interrupts masked, or no
// preemption).
[[nodiscard]] inline PerCpu& this_cpu() {
  PerCpu* block;
  asm volatile("movq %%gs:0, %0" : "=r"(block));
  return *block;
}

// The stack an entry from user mode starts on: the top of the running thread's kernel stack.
void set_kernel_stack(uint64_t top);

}  // namespace cpu
