// frame_host.h: this kernel as libvm's frame allocator sees it (vm/frame/frame_host.h).
#pragma once

#include <cstdint>

#include "cpu/cpu.h"
#include "cpu/per_cpu.h"
#include "kernel/host/spin_lock.h"
#include "kernel/seam/memory.h"
#include "vm/frame/frame_allocator.h"

namespace kernel {

struct FrameHost {
  using Lock = SpinLock;

  void* window(base::Pfn frame) { return direct_map(base::PhysAddr::of(frame).raw()); }
  uint32_t current_cpu() { return cpu::this_cpu().index; }
  void relax() { cpu::pause(); }
};
static_assert(vm::FrameHost<FrameHost>);

using FrameAllocator = vm::FrameAllocator<FrameHost>;

// The one allocator of this machine. After init_frames().
[[nodiscard]] FrameAllocator& frame_allocator();

}  // namespace kernel
