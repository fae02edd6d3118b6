// kernel_map.h: the kernel's own mappings beside the image and the direct map: device registers and
// guarded stacks, in the window [cpu::kernel_map_start, cpu::kernel_map_end).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "cpu/page_format.h"
#include "cpu/per_cpu.h"
#include "kernel/memory/page_table.h"

namespace kernel {

// Adopts the loader's tables as the kernel's and empties their user half. After init_frames().
void init_kernel_map();

[[nodiscard]] PageTree kernel_tree();

// Maps pixels at a physical address for good, for writes that may be gathered; nullptr when out of
// memory or out of room. Devices that act on single accesses are map_device()'s (seam/memory.h).
[[nodiscard]] void* map_framebuffer(uint64_t physical, uint64_t size);

inline constexpr uint64_t kernel_stack_size = cpu::kernel_stack_size;

// Kernel stacks fill slots: a guard of unmapped pages and, in the upper half, the stack.
inline constexpr uint64_t stack_slot_size = 2 * kernel_stack_size;
inline constexpr uint64_t stack_area_start =
    cpu::kernel_map_start + (cpu::kernel_map_end - cpu::kernel_map_start) / 2;
inline constexpr uint64_t stack_slot_count =  // to the end of the window
    (cpu::kernel_map_end - stack_area_start) / stack_slot_size / 64 * 64;
inline constexpr uint64_t stack_area_end = stack_area_start + stack_slot_count * stack_slot_size;
static_assert(stack_area_end <= cpu::kernel_map_end);

// A kernel stack with an unmapped guard page below it; contents undefined. Move-only; given back
// when destroyed (which must not happen on it).
class KernelStack {
 public:
  static base::Result<KernelStack> create();
  KernelStack() = default;
  KernelStack(KernelStack&& other) noexcept;
  KernelStack& operator=(KernelStack&& other) noexcept;
  ~KernelStack();

  // One past the highest byte, 16-byte aligned.
  [[nodiscard]] uint64_t top() const { return base_ + kernel_stack_size; }

 private:
  KernelStack(uint64_t base, size_t pages) : base_(base), pages_(pages) {}
  uint64_t base_ = 0;
  size_t pages_ = 0;  // mapped; all but while it is made
};

// Stacks whose thread has ended are kept for the next ones; this frees them. No lock held.
void free_idle_stacks();

// Whether `address` lies in the guard page of a kernel stack (in use or not).
[[nodiscard]] bool is_stack_guard(uint64_t address);

// Whether `size` bytes at `address` can be read without a fault, by the kernel's tables.
[[nodiscard]] bool is_kernel_readable(uint64_t address, uint64_t size);

}  // namespace kernel
