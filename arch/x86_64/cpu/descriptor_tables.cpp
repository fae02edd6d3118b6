#include "cpu/descriptor_tables.h"

#include <cstddef>

namespace cpu {

namespace {

// Segment descriptors in 64-bit mode: only type, DPL, present, L and (for SYSRET's sake) D count.
constexpr uint64_t kernel_code_descriptor = 0x00af'9b00'0000'ffffULL;
constexpr uint64_t kernel_data_descriptor = 0x00cf'9300'0000'ffffULL;
constexpr uint64_t user_data_descriptor = 0x00cf'f300'0000'ffffULL;
constexpr uint64_t user_code_descriptor = 0x00af'fb00'0000'ffffULL;

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  uint64_t base;
};

uint64_t stack_top(uint8_t (&stack)[emergency_stack_size]) {
  return reinterpret_cast<uint64_t>(stack) + emergency_stack_size;
}

}  // namespace

void load_descriptor_tables(DescriptorTables& tables) {
  TaskState& task = tables.task_state;
  task.io_map_base = sizeof(TaskState);
  task.ist[0] = stack_top(tables.stacks[0]);
  task.ist[1] = stack_top(tables.stacks[1]);
  task.ist[2] = stack_top(tables.stacks[2]);

  const auto base = reinterpret_cast<uint64_t>(&task);
  constexpr uint64_t limit = sizeof(TaskState) - 1;
  tables.gdt[0] = 0;
  tables.gdt[kernel_code_selector / 8] = kernel_code_descriptor;
  tables.gdt[kernel_data_selector / 8] = kernel_data_descriptor;
  tables.gdt[user_base_selector / 8] = 0;  // no 32-bit programs
  tables.gdt[user_data_selector / 8] = user_data_descriptor;
  tables.gdt[user_code_selector / 8] = user_code_descriptor;
  // 64-bit available TSS, present, DPL 0: 16 bytes.
  tables.gdt[tss_selector / 8] =
      limit | ((base & 0xff'ffff) << 16) | (0x89ULL << 40) | (((base >> 24) & 0xff) << 56);
  tables.gdt[tss_selector / 8 + 1] = base >> 32;

  const TablePointer pointer{sizeof(tables.gdt) - 1, reinterpret_cast<uint64_t>(tables.gdt)};
  // Loading FS and GS clears their bases on some processors: GS base is saved around it.
  asm volatile(
      "lgdt %[pointer]\n\t"
      "pushq %[code]\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "lretq\n"
      "1:\n\t"
      "movl %[data], %%ds\n\t"
      "movl %[data], %%es\n\t"
      "movl %[data], %%ss\n\t"
      "movl %[none], %%fs\n\t"
      "ltr %w[tss]"
      :
      : [pointer] "m"(pointer), [code] "i"(kernel_code_selector),
        [data] "r"(uint32_t(kernel_data_selector)), [none] "r"(0U), [tss] "r"(tss_selector)
      : "rax", "memory");
}

}  // namespace cpu
