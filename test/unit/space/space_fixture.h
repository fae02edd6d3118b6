// A machine without an MMU for tests of address spaces: RAM is an array, translations are looked up
// in the tables by software, nothing is remembered, so nothing need be forgotten (test/sim models
// that). Threads may be its CPUs. Allocations can be made to fail.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"
#include "vm/space/address_space.h"

namespace space_test {

inline thread_local uint32_t this_cpu = 0;

class BASE_CAPABILITY("lock") SpinLock {
 public:
  void acquire() BASE_ACQUIRE() {
    while (held_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  void release() BASE_RELEASE() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

class PlainHost {
 public:
  using Lock = SpinLock;
  explicit PlainHost(uint64_t frames)
      : size_(frames),
        memory_(static_cast<char*>(mmap(nullptr, frames * 4096, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (memory_ == MAP_FAILED) std::abort();
  }
  ~PlainHost() { munmap(memory_, size_ * 4096); }
  PlainHost(const PlainHost&) = delete;
  PlainHost& operator=(const PlainHost&) = delete;

  base::Result<base::Pfn> allocate_table() { return base::Error::out_of_memory; }
  void free_table(base::Pfn) {}
  void* window(base::Pfn frame) {
    if (frame.raw() < first_frame || frame.raw() >= first_frame + size_) std::abort();
    return memory_ + (frame.raw() - first_frame) * 4096;
  }
  void shootdown(const vm::CpuSet&, vm::CpuAction, void*) { ++shootdowns; }
  uint32_t current_cpu() { return this_cpu; }
  void relax() { std::this_thread::yield(); }
  void prepare_root(uint64_t*) {}

  static constexpr uint64_t first_frame = 0x100;
  std::atomic<uint64_t> shootdowns{0};

 private:
  uint64_t size_;
  char* memory_;
};

class PlainMmu {
 public:
  static constexpr vm::InvalidateReach reach = vm::InvalidateReach::this_cpu;
  uint64_t load(uint64_t* slot) { return __atomic_load_n(slot, __ATOMIC_ACQUIRE); }
  void store(uint64_t* slot, uint64_t word) { __atomic_store_n(slot, word, __ATOMIC_RELEASE); }
  uint64_t exchange(uint64_t* slot, uint64_t word) {
    return __atomic_exchange_n(slot, word, __ATOMIC_ACQ_REL);
  }
  uint64_t compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired) {
    __atomic_compare_exchange_n(slot, &expected, desired, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return expected;
  }
  void publish() {}
  void invalidate(vm::Tag, base::VpnRange, vm::Invalidate) {}
  void invalidate_tag(vm::Tag) {}
  void invalidate_everything() {}
  void activate(base::Pfn, vm::Tag, vm::OnActivate) {}
  void deactivate() {}
  void sync_instructions(void*, base::Bytes) {}
};

template <class F>
struct PlainMachine {
  using Format = F;
  using Mmu = PlainMmu;
  using Host = PlainHost;
};

template <class F>
class World {
 public:
  using M = PlainMachine<F>;
  using Space = vm::AddressSpace<M>;
  static constexpr uint32_t cpus = 4;

  explicit World(uint64_t frame_count = 4096, vm::Features features = default_features())
      : host(frame_count), frames(host) {
    const base::PfnRange ram(base::Pfn(PlainHost::first_frame),
                             base::Pfn(PlainHost::first_frame + frame_count));
    check(frames.boot(base::Span<const base::PfnRange>(&ram, 1),
                      base::Span<const base::PfnRange>(&ram, 1), cpus));
    machine = std::make_unique<vm::System<M>>(host, mmu, frames, features);
    epochs = &machine->epochs();
    system = std::make_unique<vm::SpaceSystem<M>>(*machine);
    check(system->start());
    at_start = free_frames();
  }
  ~World() {
    epochs->synchronize();
    if (free_frames() != at_start) {
      std::fprintf(stderr, "frames leaked: %ld\n", long(at_start - free_frames()));
      std::abort();
    }
    system->stop();
  }

  static vm::Features default_features() {
    vm::Features features;
    features.gigabyte_leaves = true;
    return features;
  }
  static void check(const base::Status& status) {
    if (!status.ok()) std::abort();
  }
  uint64_t free_frames() {
    epochs->synchronize();
    frames.drain_caches();
    return frames.statistics().available().raw();
  }

  PlainHost host;
  PlainMmu mmu;
  vm::FrameAllocator<PlainHost> frames;
  std::unique_ptr<vm::System<M>> machine;
  vm::Epochs<PlainHost>* epochs = nullptr;
  std::unique_ptr<vm::SpaceSystem<M>> system;
  uint64_t at_start = 0;
};

// A space of a world, with loads and stores that fault as a program's would.
template <class F>
class Process {
 public:
  using W = World<F>;
  explicit Process(W& world, const vm::SpaceOptions& options = {})
      : world_(world), space(*world.system) {
    W::check(space.create(options));
  }
  ~Process() { space.destroy(); }

  base::Result<base::VpnRange> map(uint64_t first, uint64_t count,
                                   base::Access access = base::Right::read | base::Right::write) {
    vm::MapRequest request;
    request.count = base::PageCount(count);
    request.access = access;
    request.placement = vm::Placement::fixed_at(base::Vpn(first));
    return space.map(request);
  }
  // Where an access goes, faulting as often as it takes. Nothing: refused.
  base::Optional<base::Pfn> translate(uint64_t page, base::Access access) {
    for (int tries = 0; tries < 10; ++tries) {
      {
        typename vm::Epochs<PlainHost>::Section section(*world_.epochs);
        vm::Found found = space.table().lookup(base::Vpn(page));
        // A lookup may come through a table that has just been replaced; hardware does not, since
        // it was made to forget it. Two that agree do not either.
        for (vm::Found again = space.table().lookup(base::Vpn(page)); !(again.entry == found.entry);
             again = space.table().lookup(base::Vpn(page))) {
          found = again;
        }
        if (found.entry.kind == vm::EntryKind::leaf && found.entry.accessed &&
            found.entry.access.intersect(found.limit).has(access.with(base::Right::user)) &&
            (!access.can_write() || found.entry.dirty)) {
          return found.frame_of(base::Vpn(page));
        }
      }
      vm::FaultOutcome outcome =
          space.fault({base::UserAddr::of(base::Vpn(page)), access.with(base::Right::user)});
      if (outcome.kind() == vm::FaultOutcome::Kind::refused) {
        refusal = outcome.refusal();
        return base::nothing;
      }
      if (outcome.must_wait()) return base::nothing;
    }
    std::abort();
  }
  bool write(uint64_t page, uint64_t value) {
    const base::Optional<base::Pfn> frame = translate(page, base::Right::write);
    if (!frame) return false;
    *static_cast<uint64_t*>(world_.host.window(*frame)) = value;
    return true;
  }
  std::optional<uint64_t> read(uint64_t page) {
    const base::Optional<base::Pfn> frame = translate(page, base::Right::read);
    if (!frame) return std::nullopt;
    return *static_cast<uint64_t*>(world_.host.window(*frame));
  }

 private:
  W& world_;

 public:
  vm::AddressSpace<typename W::M> space;
  std::atomic<vm::Refusal> refusal = vm::Refusal::unmapped;  // the latest
};

}  // namespace space_test
