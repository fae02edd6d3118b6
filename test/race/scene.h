// Scene<Format>: two address spaces on the adversarial machine and what a small scenario of two or
// three CPUs does to them. No model beside it: a scenario says itself what must be so afterwards,
// and settle() checks what must always be so.
#pragma once

#include <catch2/catch.hpp>

#include <cstdlib>
#include <optional>

#include "sim/explorer.h"
#include "sim/world.h"
#include "vm/object/paged.h"
#include "vm/object/shared_anonymous.h"
#include "vm/space/address_space.h"

namespace race {

using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;
using sim::Use;

inline void require(bool condition, const char* what) {
  if (!condition) sim::fail(sim::Rule::mismatch, "%s", what);
}
inline void must(const base::Status& status, const char* what) {
  if (!status.ok()) {
    sim::fail(sim::Rule::mismatch, "%s: %s", what, base::error_name(status.error()));
  }
}
template <class T>
void must(const base::Result<T>& result, const char* what) {
  must(result.ok() ? base::Status() : base::Status(result.error()), what);
}

template <class F>
class Scene {
 public:
  using M = sim::Machine<F>;
  using Space = vm::AddressSpace<M>;
  using Frames = typename sim::World<F>::Allocator;
  using Object = vm::SharedAnonymous<Frames>;
  using Paged = vm::Paged<Frames>;
  static constexpr uint64_t first_page = (1 << 18) + 8;
  static constexpr unsigned pages = 8;

  static sim::Options options_for(uint64_t frames) {
    sim::Options options;
    options.frames = frames;
    options.cpus = 3;
    options.sets_accessed = false;
    options.features.tag_bits = 12;
    options.features.tagged_invalidate = true;
    return options;
  }
  explicit Scene(uint64_t frames = 192, vm::HugePages huge = vm::HugePages::never)
      : world(options_for(frames)),
        system(*world.system),
        objects{world.frames, system.epochs(), system.mappers()} {
    before_ = world.frames_in_use();
    must(system.start(), "start");
    at_start_ = world.frames_in_use();
    vm::SpaceOptions options;
    options.huge_pages = huge;
    for (auto& it : spaces_) {
      it.emplace(system);
      must(it->create(options), "create");
    }
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  // All is taken down; nothing may be left. To be called when the scenario is over.
  void finish() {
    for (uint32_t cpu = 0; cpu < world.computer.cpus(); ++cpu) {
      on(cpu, [&] { world.system->tlb().leave(); });
    }
    for (unsigned i = 0; i < 2; ++i) destroy(i);
    system.epochs().synchronize();
    const uint64_t now = world.frames_in_use();
    system.stop();
    if (now != at_start_) {
      sim::fail(sim::Rule::mismatch, "%lld frames leaked", (long long)(now - at_start_));
    }
    require(world.frames_in_use() == before_, "the zero frame leaked");
  }

  Space& space(unsigned i) { return *spaces_[i]; }
  void destroy(unsigned i) {
    if (!spaces_[i]) return;
    spaces_[i]->destroy();
    spaces_[i].reset();
  }
  static Vpn vpn(uint64_t page) { return Vpn(first_page + page); }
  static VpnRange range(uint64_t page, uint64_t count = 1) {
    return VpnRange::of(vpn(page), PageCount(count));
  }

  template <class Body>
  void on(uint32_t cpu, Body&& body) {
    world.computer.run_on(cpu, [&] {
      body();
      return 0;
    });
  }
  void activate(uint32_t cpu, unsigned i) {
    on(cpu, [&] { space(i).activate(); });
  }

  vm::MapRequest request(uint64_t page, uint64_t count) {
    vm::MapRequest it;
    it.count = PageCount(count);
    it.access = Right::read | Right::write;
    it.placement = vm::Placement::fixed_at(vpn(page));
    return it;
  }
  void map(unsigned i, uint64_t page, uint64_t count) {
    must(space(i).map(request(page, count)), "map");
  }
  void map_object(unsigned i, uint64_t page, uint64_t count, vm::MemoryObject& object) {
    vm::MapRequest it = request(page, count);
    it.object = &object;
    it.sharing = vm::Sharing::shared;
    must(space(i).map(it), "map");
  }
  void clone() { must(space(0).clone_into(space(1)), "clone"); }

  // What the hardware makes of an access of this CPU, no fault handler behind it. Nothing: a fault.
  std::optional<uint64_t*> hardware(uint64_t page, Use use) {
    const sim::Outcome outcome = world.computer.access(vpn(page).raw() << 12, use);
    if (!outcome.ok()) return std::nullopt;
    return &world.computer.ram().words(outcome.frame)[3];
  }
  // A program's access by this CPU, which runs the space. Nothing: refused.
  std::optional<uint64_t> touch(unsigned i, uint64_t page, Use use, uint64_t value = 0) {
    for (int attempt = 0; attempt < 12; ++attempt) {
      if (const auto word = hardware(page, use)) {
        if (use == Use::write) **word = value;
        return **word;
      }
      const base::Access access =
          use == Use::write ? base::Access(Right::write) : base::Access(Right::read);
      const vm::FaultOutcome fault =
          space(i).fault({base::UserAddr::of(vpn(page)), access.with(Right::user)});
      if (fault.kind() == vm::FaultOutcome::Kind::refused) return std::nullopt;
      require(!fault.must_wait(), "a page is waited for");
    }
    sim::fail(sim::Rule::livelock, "page %llu faults without end", (unsigned long long)page);
  }
  void write(unsigned i, uint64_t page, uint64_t value, uint32_t cpu = 0) {
    on(cpu, [&] { require(touch(i, page, Use::write, value).has_value(), "a write is refused"); });
  }
  std::optional<uint64_t> read(unsigned i, uint64_t page, uint32_t cpu = 0) {
    std::optional<uint64_t> value;
    on(cpu, [&] { value = touch(i, page, Use::read); });
    return value;
  }
  // Epochs move on: what waits for readers that are gone is reclaimed.
  void pass_time() { (void)system.epochs().collect(); }

  // Nothing runs: the invariants hold and no CPU remembers more than the tables of its space say.
  void settle(std::initializer_list<int> runs) {
    for (auto& it : spaces_) {
      if (it) it->check();
    }
    uint32_t cpu = 0;
    for (const int i : runs) {
      if (i >= 0) forbid_stale(cpu, space(unsigned(i)));
      ++cpu;
    }
  }

  sim::World<F> world;
  vm::SpaceSystem<M> system;
  vm::ObjectSystem<Frames> objects;

 private:
  void forbid_stale(uint32_t cpu, Space& of) {
    for (uint64_t page = 0; page < pages; ++page) {
      const vm::Found found = of.table().lookup(vpn(page));
      const bool there = found.entry.kind == vm::EntryKind::leaf;
      const base::Access rights = found.entry.access.intersect(found.limit);
      world.computer.for_each_translation(cpu, vpn(page), [&](const sim::CachedLeaf& leaf) {
        const bool uses = leaf.rights.allow(Use::read, sim::Privilege::user);
        const bool writes = leaf.rights.allow(Use::write, sim::Privilege::user);
        if (!uses && !writes) return;
        require(there && leaf.frame_of(vpn(page)) == found.frame_of(vpn(page)),
                "a CPU remembers what is not there any more");
        require(!writes || rights.can_write(), "a CPU may still write");
      });
    }
  }

  std::optional<Space> spaces_[2];
  uint64_t before_ = 0;
  uint64_t at_start_ = 0;
};

// Every schedule of the scenario with so many preemptions at most (SIM_PREEMPTIONS: more). One is
// enough for "a CPU stops somewhere, the other does all it has to do, the first goes on".
inline void explore(uint32_t preemptions, const std::function<void(sim::Scheduler&)>& scenario) {
  const char* more = std::getenv("SIM_PREEMPTIONS");
  constexpr uint64_t limit = 100'000;
  const uint32_t extra = more == nullptr ? 0 : uint32_t(std::strtoul(more, nullptr, 10));
  const sim::Exploration done =
      sim::explore({.preemptions = preemptions + extra, .max_runs = limit}, scenario);
  INFO("runs " << done.runs);
  CHECK(done.runs > 1);
  CHECK(done.runs < limit);
}

}  // namespace race
