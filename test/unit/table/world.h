// World<Format>: the adversarial machine with a System on it, spaces made of page tables alone, and
// the simplest fault handler: private zero-fill memory everywhere.
#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <set>

#include "sim/machine.h"
#include "vm/table/page_table.h"

namespace table_test {

using base::Access;
using base::PageCount;
using base::Pfn;
using base::Right;
using base::Vpn;
using base::VpnRange;

inline const Access user_r = Right::read | Right::user;
inline const Access user_rw = Right::read | Right::write | Right::user;

inline sim::Options default_options() {
  sim::Options options;
  options.frames = 4096;
  options.first_frame = Pfn(0x1000);
  options.features.gigabyte_leaves = true;
  options.features.tag_bits = 8;
  options.features.tagged_invalidate = true;
  return options;
}

template <class F>
class World {
 public:
  using Machine = sim::Machine<F>;
  using System = vm::System<Machine>;
  using Table = vm::PageTable<Machine>;
  using Batch = vm::TlbBatch<Machine>;
  using Locked = vm::LockedTable<Machine>;

  // A space that goes away by itself.
  struct Space {
    explicit Space(World& world) : table(*world.system) {}
    ~Space() {
      if (table.root() != Pfn(0)) table.destroy();
    }
    Table table;
  };

  explicit World(sim::Options options = default_options())
      : computer(options), mmu(computer), host(computer), frames(host) {
    const base::PfnRange ram[] = {
        base::PfnRange::of(options.first_frame, PageCount(options.frames))};
    const bool booted = frames
                            .boot(base::Span<const base::PfnRange>(ram),
                                  base::Span<const base::PfnRange>(ram), options.cpus)
                            .ok();
    REQUIRE(booted);
    system = std::make_unique<System>(host, mmu, frames, computer.features());
    at_start = in_use();
  }
  ~World() { CHECK(in_use() == at_start); }

  uint64_t in_use() {
    if (system) system->epochs().synchronize();
    return computer.ram().live_count();
  }

  std::unique_ptr<Space> space() {
    auto made = std::make_unique<Space>(*this);
    const bool created = made->table.create().ok();
    REQUIRE(created);
    return made;
  }

  // What a fault handler does with private memory: a fresh page, a copy, or the write right.
  base::Status fault(Space& space, Vpn page, sim::Use use) {
    typename vm::Epochs<sim::Host<F>>::Section section(system->epochs());
    Batch batch = space.table.batch();
    base::Result<Pfn> fresh = frames.allocate(vm::Contents::zero);
    if (!fresh.ok()) return fresh.error();
    bool used = false;
    const base::Status status =
        space.table.with_private_table(page, 1, batch, [&](Locked& table) -> base::Status {
          const vm::Entry old = table.get(page);
          vm::Entry leaf = vm::Entry::leaf_of(fresh.value(), user_rw);
          leaf.accessed = true;
          leaf.dirty = use == sim::Use::write;
          if (old.kind != vm::EntryKind::leaf) {
            system->records().of(fresh.value()).set_state(vm::FrameState::private_page);
            used = true;
            if (old.kind == vm::EntryKind::absent) {
              table.install(page, leaf);
            } else {
              table.change(page, batch, [&](const vm::Entry&) { return leaf; });
            }
            return {};
          }
          if (use != sim::Use::write) return {};
          if (old.access.can_write()) {  // the CPU remembers it from before the path was opened
            batch.forget(base::VpnRange::single(page), vm::Invalidate::walk);
            return {};
          }
          vm::FrameRecord* record = system->counted(old.frame);
          if (record != nullptr && record->is_exclusive()) {
            table.change(page, batch, [&](vm::Entry entry) {
              entry.access = entry.access.with(Right::write);
              entry.dirty = entry.accessed = true;
              return entry;
            });
            return {};
          }
          const uint64_t inside = (page - table.entry_pages(page).first()).raw();
          memcpy(host.window(fresh.value()), host.window(old.frame + PageCount(inside)), 4096);
          system->records().of(fresh.value()).set_state(vm::FrameState::private_page);
          used = true;
          table.change(page, batch, [&](const vm::Entry&) { return leaf; });
          return {};
        });
    if (!used) frames.drop(fresh.value());
    batch.settle();
    return status;
  }

  // A program's accesses, with the handler above behind them.
  void write(Space& space, Vpn page, uint8_t value, uint32_t cpu = 0) {
    computer.run_on(cpu, [&] {
      space.table.enter();
      for (int tries = 0; tries < 8; ++tries) {
        if (computer.write_byte(page.raw() << 12, value).ok()) return;
        REQUIRE(fault(space, page, sim::Use::write).ok());
      }
      FAIL("write faults for ever");
    });
  }
  uint8_t read(Space& space, Vpn page, uint32_t cpu = 0) {
    uint8_t value = 0;
    computer.run_on(cpu, [&] {
      space.table.enter();
      for (int tries = 0; tries < 8; ++tries) {
        if (computer.read_byte(page.raw() << 12, value).ok()) return;
        REQUIRE(fault(space, page, sim::Use::read).ok());
      }
      FAIL("read faults for ever");
    });
    return value;
  }
  bool can_write(Space& space, Vpn page, uint32_t cpu = 0) {
    return computer.run_on(cpu, [&] {
      space.table.enter();
      return computer.access(page.raw() << 12, sim::Use::write).ok() ||
             computer.access(page.raw() << 12, sim::Use::write).ok();
    });
  }
  bool can_read(Space& space, Vpn page, uint32_t cpu = 0) {
    return computer.run_on(cpu, [&] {
      space.table.enter();
      return computer.access(page.raw() << 12, sim::Use::read).ok() ||
             computer.access(page.raw() << 12, sim::Use::read).ok();
    });
  }
  void leave_all() {
    for (uint32_t cpu = 0; cpu < computer.cpus(); ++cpu) {
      computer.run_on(cpu, [&] { system->tlb().leave(); });
    }
  }

  base::Status remove(Space& space, VpnRange range) {
    Batch batch = space.table.batch();
    auto reserve = space.table.prepare(range, vm::Prepare::edges, vm::LargeLeaves::possible, batch);
    if (reserve.ok()) space.table.remove(range, reserve.value(), batch);
    batch.settle();
    return reserve.ok() ? base::Status() : base::Status(reserve.error());
  }
  base::Status protect(Space& space, VpnRange range, Access access) {
    Batch batch = space.table.batch();
    auto reserve =
        space.table.prepare(range, vm::Prepare::present, vm::LargeLeaves::possible, batch);
    if (reserve.ok()) {
      space.table.protect(range, access, vm::ClosedTables::none, reserve.value(), batch);
    }
    batch.settle();
    return reserve.ok() ? base::Status() : base::Status(reserve.error());
  }
  base::Status move(Space& space, VpnRange from, Vpn to) {
    Batch batch = space.table.batch();
    auto reserve =
        space.table.prepare(from, vm::Prepare::present, vm::LargeLeaves::possible, batch);
    base::Status status = reserve.ok() ? base::Status() : base::Status(reserve.error());
    if (status.ok()) {
      auto tables = space.table.prepare_move(from, VpnRange::of(to, from.count()), batch);
      if (tables.ok()) space.table.move(from, to, tables.value(), batch);
      status = tables.ok() ? base::Status() : base::Status(tables.error());
    }
    batch.settle();
    return status;
  }
  std::unique_ptr<Space> clone(Space& parent) {
    auto child = space();
    Batch batch = parent.table.batch();
    const bool cloned = parent.table.clone_to(child->table, batch).ok();
    batch.settle();
    REQUIRE(cloned);
    return child;
  }

  // Every reference is a table entry that names the thing; all trees' invariants hold.
  void audit(const std::vector<Space*>& spaces) {
    system->epochs().synchronize();
    std::map<uint64_t, uint32_t> named;
    std::set<uint64_t> seen;
    for (Space* space : spaces) {
      space->table.check();
      count(space->table.root(), computer.features().levels, named, seen);
    }
    for (const auto& [frame, references] : named) {
      INFO("frame " << frame);
      REQUIRE(system->records().of(Pfn(frame)).references() == references);
    }
    uint64_t live = 0;
    for (const auto& [frame, references] : named) {
      const vm::FrameRecord& record = system->records().of(Pfn(frame));
      live += record.is_table() ? 1 : 1ULL << record.order();
    }
    REQUIRE(live + spaces.size() + at_start == computer.ram().live_count());
  }

  sim::ComputerOf<F> computer;
  sim::Mmu<F> mmu;
  sim::Host<F> host;
  vm::FrameAllocator<sim::Host<F>> frames;
  std::unique_ptr<System> system;
  uint64_t at_start = 0;

 private:
  void count(Pfn table, unsigned level, std::map<uint64_t, uint32_t>& named,
             std::set<uint64_t>& seen) {
    if (!seen.insert(table.raw()).second) return;
    const vm::Features& features = computer.features();
    const unsigned entries =
        level == features.levels ? F::user_root_entries(features) : vm::entries_per_table;
    for (unsigned i = 0; i < entries; ++i) {
      const uint64_t word = system->words(table)[i];
      const vm::EntryKind kind = F::kind(word, level, features);
      if (kind == vm::EntryKind::table) {
        ++named[F::frame(word, level, features).raw()];
        count(F::frame(word, level, features), level - 1, named, seen);
      } else if (kind == vm::EntryKind::leaf) {
        const Pfn frame = F::frame(word, level, features);
        if (system->counted(frame) != nullptr) ++named[system->records().head_of(frame).raw()];
      }
    }
  }
};

}  // namespace table_test
