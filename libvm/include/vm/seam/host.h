// Host: what an embedding kernel supplies to the page-table tier. One object per machine.
//
// libvm is called with migration off: from the entry of a call to its return the current CPU stays
// the same (a kernel that does not preempt itself has this for nothing). Besides these members a
// host supplies base_panic (base/check.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <concepts>

#include "base/address.h"
#include "base/lock.h"
#include "base/result.h"
#include "vm/seam/cpu_set.h"

namespace vm {

// What a host runs on other CPUs for libvm.
using CpuAction = void (*)(void* context);

// clang-format off: as in mmu_format.h
template <class H>
concept Host = requires(H& host, base::Pfn frame, const CpuSet& cpus, CpuAction action,
                        void* context, uint64_t* root) {
  // A lock with acquire() and release(), default-constructible, usable from fault context.
  requires base::Lockable<typename H::Lock>;
  // The kernel's address of a frame of RAM; the same for ever. Of tables, and in the full tier of
  // every frame it handles. Never fails.
  { host.window(frame) } -> std::same_as<void*>;
  // Runs action(context) on every CPU of `cpus` but this one, in interrupt context or the like,
  // and returns when all have finished. While it waits it must run actions meant for this CPU.
  // CPUs that went offline count as done (they forget everything before they return).
  { host.shootdown(cpus, action, context) } -> std::same_as<void>;
  // 0 .. max_cpus-1, and stays so until the call into libvm returns.
  { host.current_cpu() } -> std::same_as<uint32_t>;
  // One turn of a spin loop (PAUSE, YIELD; in tests: lets another scripted CPU run).
  { host.relax() } -> std::same_as<void>;
  // Fills the entries of a new root that are not the user half's (x86_64: the kernel half).
  { host.prepare_root(root) } -> std::same_as<void>;
};
// clang-format on

// The smallest thing that compiles.
struct HostExemplar {
  class BASE_CAPABILITY("lock") Lock {
   public:
    void acquire() BASE_ACQUIRE() {}
    void release() BASE_RELEASE() {}
  };
  void* window(base::Pfn) { return nullptr; }
  void shootdown(const CpuSet&, CpuAction, void*) {}
  uint32_t current_cpu() { return 0; }
  void relax() {}
  void prepare_root(uint64_t*) {}
};
static_assert(Host<HostExemplar>);

}  // namespace vm
