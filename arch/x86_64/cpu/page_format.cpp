#include "cpu/page_format.h"

#include "cpu/io.h"

namespace cpu {

namespace {
uint64_t kernel_root_physical = 0;
}

void invalidate_page(uint64_t address) {
  asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void prepare_user_root(uint64_t* root, const uint64_t* kernel_root) {
  for (unsigned i = user_root_entries; i < 512; ++i) {
    root[i] = kernel_root[i];
  }
}

void adopt_kernel_root(uint64_t root) {
  kernel_root_physical = root;
  write_cr3(root);
}

base::Pfn idle_user_root() {
  return base::PhysAddr(kernel_root_physical).frame();
}

void sync_instructions(const void*, uint64_t) {}

}  // namespace cpu
