// host.h: what this kernel supplies to libvm (vm/seam/host.h, vm/frame/frame_host.h).
#pragma once

#include <cstdint>

#include "cpu/cpu.h"
#include "cpu/page_format.h"
#include "cpu/per_cpu.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/fail_nth.h"
#include "kernel/memory/shootdown.h"
#include "kernel/sanitizer/shadow.h"
#include "kernel/seam/memory.h"
#include "vm/frame/frame_allocator.h"
#include "vm/seam/host.h"

namespace kernel {

struct Host : FrameWatch {
  using Lock = SpinLock;

  void* window(base::Pfn frame) { return direct_map(base::PhysAddr::of(frame).raw()); }
  uint32_t current_cpu() { return cpu::this_cpu().index; }
  void relax() {
    cpu::pause();
    serve_shootdowns();
  }
  bool refuse_allocation() { return kernel::refuse_allocation(); }
  void shootdown(const vm::CpuSet& cpus, vm::CpuAction action, void* context) {
    CpuMask mask;
    cpus.for_each([&mask](uint32_t cpu) { mask = mask.with(cpu); });
    run_on_cpus(mask, action, context);
  }
  // x86_64: the kernel half, the same in every root. Not before init_kernel_map().
  void prepare_root(uint64_t* root);
};
static_assert(vm::Host<Host> && vm::FrameHost<Host>);

using FrameAllocator = vm::FrameAllocator<Host>;

// The one host, and the one allocator of this machine. After init_frames().
[[nodiscard]] Host& host();
[[nodiscard]] FrameAllocator& frame_allocator();

}  // namespace kernel
