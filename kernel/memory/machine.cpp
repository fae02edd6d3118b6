#include "kernel/memory/machine.h"

#include "cpu/features.h"
#include "cpu/page_format.h"
#include "kernel/host/boot_info.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/page_wait.h"

namespace kernel {

namespace {

using System = vm::System<Machine>;

// Storage that needs no constructor at start keeps .init_array empty.
alignas(Machine::Mmu) unsigned char mmu_storage[sizeof(Machine::Mmu)];
alignas(System) unsigned char system_storage[sizeof(System)];
alignas(SpaceSystem) unsigned char spaces_storage[sizeof(SpaceSystem)];
SpaceSystem* spaces = nullptr;

}  // namespace

void Host::prepare_root(uint64_t* root) {
  cpu::prepare_user_root(root, static_cast<const uint64_t*>(window(kernel_tree().root())));
}

base::Status init_machine() {
  init_page_waits();
  const vm::Features features = cpu::mmu_features(boot_info().levels);
  auto* mmu = base::construct_at<Machine::Mmu>(mmu_storage, features, cpu::idle_user_root());
  auto* system =
      base::construct_at<System>(system_storage, host(), *mmu, frame_allocator(), features);
  spaces = base::construct_at<SpaceSystem>(spaces_storage, *system);
  return spaces->start();
}

SpaceSystem& space_system() {
  return *spaces;
}

void settle_memory() {
  spaces->epochs().synchronize();
  free_idle_stacks();
}

}  // namespace kernel
