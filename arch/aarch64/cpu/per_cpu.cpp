#include "cpu/per_cpu.h"

#include "cpu/sysreg.h"

extern "C" char boot_stack_end[];

namespace cpu {

void init_per_cpu(PerCpu& block, uint32_t index) {
  constexpr uint64_t affinity_bits = 0xff'00ff'ffff;
  block.self = &block;
  block.index = index;
  block.hardware_id = SYSREG_READ("mpidr_el1") & affinity_bits;
  if (index == 0) {
    block.running_stack_top = reinterpret_cast<uint64_t>(boot_stack_end);
    block.kernel_stack_top = block.running_stack_top;
  }
  SYSREG_WRITE("tpidr_el1", reinterpret_cast<uint64_t>(&block));
}

void set_kernel_stack(uint64_t top) {
  this_cpu().kernel_stack_top = top;
}

}  // namespace cpu
