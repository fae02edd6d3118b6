#include "cpu/per_cpu.h"

#include "cpu/io.h"

namespace cpu {

void init_per_cpu(PerCpu& block, uint32_t index) {
  block.self = &block;
  block.index = index;
  load_descriptor_tables(block.tables);
  asm volatile("movl %0, %%gs" : : "r"(0U) : "memory");
  write_msr(Msr::gs_base, reinterpret_cast<uint64_t>(&block));
  write_msr(Msr::kernel_gs_base, 0);
}

void set_kernel_stack(uint64_t top) {
  PerCpu& block = this_cpu();
  block.kernel_stack_top = top;
  block.tables.task_state.rsp[0] = top;
}

}  // namespace cpu
