// Machine<Format>: the adversarial machine behind libvm's seams (vm/seam), with the real entry
// format of either architecture and the hardware model that goes with it.
//
//   sim::Computer<sim::HardwareOf<Format>> computer(options);
//   sim::Mmu<Format> mmu(computer);  sim::Host<Format> host(computer);
#pragma once

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"
#include "sim/computer.h"
#include "sim/hardware_aarch64.h"
#include "sim/hardware_x86_64.h"
#include "sim/lock.h"
#include "vm/seam/machine.h"

namespace sim {

template <class Format>
struct HardwareOfFormat;
template <>
struct HardwareOfFormat<x86_64::Format> {
  using Type = X86_64;
};
template <>
struct HardwareOfFormat<aarch64::Format> {
  using Type = Aarch64;
};
template <class Format>
using HardwareOf = typename HardwareOfFormat<Format>::Type;
template <class Format>
using ComputerOf = Computer<HardwareOf<Format>>;

template <class F>
class Mmu {
 public:
  static constexpr vm::InvalidateReach reach = HardwareOf<F>::rules.invalidates_everywhere
                                                   ? vm::InvalidateReach::all_cpus
                                                   : vm::InvalidateReach::this_cpu;

  explicit Mmu(ComputerOf<F>& computer) : computer_(&computer) {}

  uint64_t load(uint64_t* slot) { return computer_->load(slot); }
  void store(uint64_t* slot, uint64_t word) { computer_->store(slot, word); }
  uint64_t exchange(uint64_t* slot, uint64_t word) { return computer_->exchange(slot, word); }
  uint64_t compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired) {
    return computer_->compare_exchange(slot, expected, desired);
  }
  void publish() { computer_->publish(); }
  void invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate depth) {
    computer_->invalidate(tag, pages, depth);
  }
  void invalidate_tag(vm::Tag tag) { computer_->invalidate_tag(tag); }
  void invalidate_everything() { computer_->invalidate_everything(); }
  void activate(base::Pfn root, vm::Tag tag, vm::OnActivate what) {
    computer_->activate(root, tag, what);
  }
  void deactivate() { computer_->deactivate(); }
  void sync_instructions(void*, base::Bytes) {}

 private:
  ComputerOf<F>* computer_;
};

template <class F>
class Host {
 public:
  using Lock = sim::Lock;

  explicit Host(ComputerOf<F>& computer) : computer_(&computer) {}

  // FrameAllocator tells which frames are in use (vm/frame/frame_host.h).
  void note_taken(base::Pfn frame) {
    if (computer_->ram().contains(frame)) computer_->note_taken(frame);
  }
  void note_freed(base::Pfn frame) {
    if (computer_->ram().contains(frame)) computer_->note_freed(frame);
  }
  bool refuse_allocation() {
    waits_for_memory_ = 0;
    return computer_->ram().take_failure();
  }
  void* window(base::Pfn frame) { return computer_->window(frame); }
  void shootdown(const vm::CpuSet& cpus, vm::CpuAction action, void* context) {
    computer_->shootdown(cpus, action, context);
  }
  uint32_t current_cpu() { return computer_->current_cpu(); }
  void relax() {
    Scheduler* scheduler = Scheduler::current();
    if (scheduler != nullptr) {
      scheduler->relax();
      return;
    }
    // Memory that was refused once is there the next time: waiting for it is no mistake.
    if (computer_->ram().failure_fired() && ++waits_for_memory_ < 1000) return;
    fail(Rule::self_deadlock, "a lone CPU spins");
  }
  void prepare_root(uint64_t*) {}

 private:
  ComputerOf<F>* computer_;
  unsigned waits_for_memory_ = 0;
};

template <class F>
struct Machine {
  using Format = F;
  using Mmu = sim::Mmu<F>;
  using Host = sim::Host<F>;
};
static_assert(vm::Machine<Machine<x86_64::Format>>);
static_assert(vm::Machine<Machine<aarch64::Format>>);

}  // namespace sim
