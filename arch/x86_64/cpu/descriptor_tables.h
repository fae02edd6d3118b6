// descriptor_tables.h: GDT, TSS and emergency stacks of one CPU (x86_64 only).
//
// Selectors are laid out as SYSCALL/SYSRET demand: kernel code, kernel data, (32-bit user code),
// user data, user code, TSS (two slots), and so that programs see Linux's in CS and SS.
#pragma once

#include <cstdint>

namespace cpu {

inline constexpr uint16_t kernel_code_selector = 0x10;
inline constexpr uint16_t kernel_data_selector = 0x18;
inline constexpr uint16_t user_base_selector = 0x20 | 3;
inline constexpr uint16_t user_data_selector = 0x28 | 3;
inline constexpr uint16_t user_code_selector = 0x30 | 3;
inline constexpr uint16_t tss_selector = 0x40;

// Task state segment, 64-bit layout.
struct [[gnu::packed]] TaskState {
  uint32_t reserved0;
  uint64_t rsp[3];  // [0]: stack of an entry from user mode
  uint64_t reserved1;
  uint64_t ist[7];  // [0] double fault, [1] NMI, [2] machine check
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map_base;  // past the limit: no ports for user mode
};
static_assert(sizeof(TaskState) == 104);

enum class EmergencyStack : uint8_t { none = 0, double_fault = 1, nmi = 2, machine_check = 3 };
#if defined(KERNEL_SANITIZE_ADDRESS)
inline constexpr uint64_t emergency_stack_size = 16384;
#else
inline constexpr uint64_t emergency_stack_size = 8192;
#endif

struct DescriptorTables {
  alignas(16) uint64_t gdt[10];
  alignas(16) TaskState task_state;
  alignas(16) uint8_t stacks[3][emergency_stack_size];
};

// Fills and loads `tables` on this CPU (GDTR, segment registers, TR). GS base is left alone.
void load_descriptor_tables(DescriptorTables& tables);

}  // namespace cpu
