// FrameHost: what the frame allocator needs of its host; a part of vm::Host, so that a kernel's
// frames work before, and without, its page tables.
#pragma once

#include <stdint.h>

#include <concepts>

#include "base/address.h"
#include "base/lock.h"

namespace vm {

// A host may watch single frames: note_taken(Pfn) after one is handed out, note_freed(Pfn) before
// it can be handed out again, and refuse_allocation(), which makes one request fail when it returns
// true. Simulated machines do; others leave all three out.

template <class H>
concept FrameHost = requires(H& host, base::Pfn frame) {
  // A lock with acquire() and release(), default-constructible. A host that allocates or frees
  // frames in interrupt handlers makes it one that keeps interrupts off.
  requires base::Lockable<typename H::Lock>;
  // The kernel's address of a frame of RAM; the same for ever. nullptr: the frame has no memory
  // behind it (simulations that only count); it is then neither zeroed nor stamped.
  { host.window(frame) } -> std::same_as<void*>;
  // Below the number of CPUs given to FrameAllocator::init. Stays so during a call or, if not,
  // costs speed alone: the caches are locked by a bit that no other CPU normally touches.
  { host.current_cpu() } -> std::same_as<uint32_t>;
  // One turn of a spin loop.
  { host.relax() } -> std::same_as<void>;
};

}  // namespace vm
