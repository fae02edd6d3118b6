// World<Format>: a simulated machine with libvm's frame allocator and System on it; what a test of
// page tables or address spaces starts from.
#pragma once

#include <memory>

#include "sim/machine.h"
#include "vm/system.h"

namespace sim {

template <class F>
class World {
 public:
  using Format = F;
  using M = Machine<F>;
  using Allocator = vm::FrameAllocator<Host<F>>;

  explicit World(const Options& options = {})
      : computer(options), mmu(computer), host(computer), frames(host) {
    const base::PfnRange ram[] = {computer.ram().frames()};
    const base::Status booted = frames.boot(ram, ram, options.cpus);
    if (!booted.ok()) fail(Rule::mismatch, "the frame allocator does not start");
    system = std::make_unique<vm::System<M>>(host, mmu, frames, computer.features());
    baseline_ = computer.ram().live_count();
  }

  // Frames in use beyond those of an empty system.
  [[nodiscard]] uint64_t frames_in_use() { return computer.ram().live_count() - baseline_; }

  Computer<HardwareOf<F>> computer;
  Mmu<F> mmu;
  Host<F> host;
  Allocator frames;
  std::unique_ptr<vm::System<M>> system;

 private:
  uint64_t baseline_ = 0;
};

}  // namespace sim
