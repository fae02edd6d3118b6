// LinkHost: the hooks of vm.h as a vm::Host, and what both tiers of the C interface share.
//
// VM_MACHINE_HEADER names the header of the machine to compile for; it defines machine::Format and
// machine::Mmu.
#pragma once

#include VM_MACHINE_HEADER

#include "vm.h"
#include "vm/system.h"
#include "vm/table/page_table.h"

namespace vm::c {

class LinkHost {
 public:
  // Not for interrupt handlers that could have interrupted a holder; see vm.h.
  class BASE_CAPABILITY("lock") Lock {
   public:
    void acquire() BASE_ACQUIRE() {
      while (held_.exchange<base::Order::acquire>(1) != 0) {
        while (held_.load<base::Order::relaxed>() != 0) vm_host_relax();
      }
    }
    void release() BASE_RELEASE() { held_.store<base::Order::release>(0); }

   private:
    base::Atomic<uint32_t> held_{0};
  };

  void* window(base::Pfn frame) { return vm_host_window(frame.raw()); }
  uint32_t current_cpu() { return vm_host_current_cpu(); }
  void relax() { vm_host_relax(); }
  void shootdown(const CpuSet& cpus, CpuAction action, void* context) {
    uint64_t words[CpuSet::word_count] = {};
    cpus.for_each([&](uint32_t cpu) { words[cpu / 64] |= 1ULL << (cpu % 64); });
    vm_host_shootdown(words, CpuSet::word_count, action, context);
  }
  void prepare_root(uint64_t* root) { vm_host_prepare_root(root); }
};

struct LinkMachine {
  using Format = machine::Format;
  using Mmu = machine::Mmu;
  using Host = LinkHost;
};
static_assert(Machine<LinkMachine>);

using Frames = FrameAllocator<LinkHost>;

inline vm_status status_of(base::Error error) {
  return vm_status(error);
}
inline vm_status status_of(const base::Status& status) {
  return status.ok() ? VM_OK : status_of(status.error());
}
static_assert(VM_DEAD == vm_status(base::Error::dead) && VM_IO == vm_status(base::Error::io) &&
              VM_NOT_MAPPED == vm_status(base::Error::not_mapped));

inline base::Access access_of(unsigned rights) {
  return base::Access::from_raw(uint8_t(rights));
}
static_assert(VM_READ == unsigned(base::Right::read) && VM_WRITE == unsigned(base::Right::write) &&
              VM_EXECUTE == unsigned(base::Right::execute) &&
              VM_USER == unsigned(base::Right::user));

// Ranges as callers give them. Nothing: they wrap, or are longer than there are pages.
template <class T>
[[nodiscard]] base::Optional<base::PageRange<T>> range_of(vm_range range) {
  constexpr uint64_t limit = 1ULL << 52;
  if (range.first > limit || range.count > limit - range.first) return base::nothing;
  return base::PageRange<T>::of(T(range.first), base::PageCount(range.count));
}

template <class T>
[[nodiscard]] bool fits(const void* storage, size_t size) {
  return storage != nullptr && size >= sizeof(T) &&
         reinterpret_cast<uintptr_t>(storage) % alignof(T) == 0;
}

}  // namespace vm::c

struct vm_system {
  vm_system(const vm::Features& features, base::Pfn idle_root)
      : mmu(features, idle_root), frames(host) {}

  vm::c::LinkHost host;
  vm::c::LinkMachine::Mmu mmu;
  vm::c::Frames frames;
  // Made when the frames are there; destroyed first.
  alignas(vm::System<vm::c::LinkMachine>) unsigned char machine_storage[sizeof(
      vm::System<vm::c::LinkMachine>)];

  [[nodiscard]] vm::System<vm::c::LinkMachine>& machine() {
    return *reinterpret_cast<vm::System<vm::c::LinkMachine>*>(machine_storage);
  }
};
