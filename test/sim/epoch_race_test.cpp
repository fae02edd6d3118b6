// Epochs, gates, shared pages and the frame allocator under every interleaving of a few CPUs.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <memory>
#include <vector>

#include "sim/explorer.h"
#include "sim/lock.h"
#include "vm/object/paged.h"
#include "vm/object/shared_anonymous.h"

using base::PageCount;
using base::Pfn;
using base::PfnRange;
using sim::explore;
using sim::Scheduler;

namespace {

constexpr uint64_t first_frame = 1 << 18;

struct Host {
  using Lock = sim::Lock;
  uint32_t current_cpu() {
    const Scheduler* scheduler = Scheduler::current();
    return scheduler == nullptr ? 0 : scheduler->running_cpu();
  }
  void relax() {
    if (Scheduler* scheduler = Scheduler::current()) scheduler->relax();
  }
  void* window(Pfn frame) { return memory + (frame.raw() - first_frame) * 4096; }
  unsigned char* memory = nullptr;
};

using Frames = vm::FrameAllocator<Host>;
using Epochs = vm::Epochs<Host>;
using Section = Epochs::Section;

constexpr uint64_t pages = 48;

struct World {
  World() {
    static auto* memory = static_cast<unsigned char*>(std::aligned_alloc(4096, pages * 4096));
    host.memory = memory;
    const PfnRange all[] = {PfnRange::of(Pfn(first_frame), PageCount(pages))};
    if (!frames.boot(all, all, 3).ok()) throw "no memory";
    available = frames.statistics().available().raw();
    epochs = std::make_unique<Epochs>(host, cpus, frames.records(), vm::FrameReclaim::to(frames));
  }
  void finish() {
    epochs->synchronize();
    frames.drain_caches();
    frames.check();
    if (frames.statistics().free.raw() != available) throw "frames were lost";
  }
  Host host;
  Frames frames{host};
  vm::EpochCpu cpus[3];
  std::unique_ptr<Epochs> epochs;
  vm::ObjectMappers<sim::Lock> mappers;
  uint64_t available = 0;
};

struct Thing {
  vm::EpochNode node;
  base::Atomic<int> reclaimed{0};
};

void reclaim_thing(vm::EpochNode* node) {
  reinterpret_cast<Thing*>(node)->reclaimed.store(1);
}

// Takes the thing out, retires it, and pushes the epochs on.
void take_out(Epochs& epochs, base::Atomic<Thing*>& shared) {
  Thing* thing = shared.exchange(nullptr);
  if (thing != nullptr) epochs.retire(thing->node, reclaim_thing);
  (void)epochs.collect();
}

void read(Epochs& epochs, base::Atomic<Thing*>& shared) {
  Section section(epochs);
  const Thing* thing = shared.load();
  if (thing != nullptr && thing->reclaimed.load() != 0) throw "a reader saw a reclaimed object";
}

// Every schedule, or every one with so many preemptions, was visited.
void require_explored(const sim::ExploreOptions& options,
                      const std::function<void(Scheduler&)>& scenario) {
  const sim::Exploration done = explore(options, scenario);
  INFO("runs " << done.runs << ", longest " << done.longest);
  CHECK((done.complete || options.preemptions != sim::ExploreOptions::exhaustive));
  CHECK(done.runs < options.max_runs);
  CHECK(done.runs > 1);
}

}  // namespace

TEST_CASE("no reader sees what a writer retired and reclaimed", "[epoch]") {
  require_explored({}, [](Scheduler& scheduler) {
    World world;
    Thing thing;
    base::Atomic<Thing*> shared{&thing};
    scheduler.spawn(0, [&] { take_out(*world.epochs, shared); });
    scheduler.spawn(1, [&] { read(*world.epochs, shared); });
    scheduler.run();
    world.epochs->synchronize();
    if (thing.reclaimed.load() != 1) throw "never reclaimed";
  });
}

TEST_CASE("nor when another CPU moves the epochs on meanwhile", "[epoch]") {
  require_explored({.preemptions = 3}, [](Scheduler& scheduler) {
    World world;
    Thing thing;
    base::Atomic<Thing*> shared{&thing};
    scheduler.spawn(0, [&] { take_out(*world.epochs, shared); });
    scheduler.spawn(1, [&] { read(*world.epochs, shared); });
    scheduler.spawn(2, [&] {
      (void)world.epochs->try_advance();
      (void)world.epochs->try_advance();
    });
    scheduler.run();
    world.epochs->synchronize();
  });
}

// A frame that a reader may be in, taken out, retired, and wanted by an allocator that has no
// other.
TEST_CASE("nor the frames that an allocator in need is relieved with", "[epoch]") {
  require_explored({.preemptions = 3}, [](Scheduler& scheduler) {
    World world;
    const Pfn frame = world.frames.allocate().value();
    base::Atomic<uint64_t> shared{frame.raw()};
    scheduler.spawn(0, [&] {
      shared.store(0);
      world.epochs->retire_frame(frame);
      (void)world.epochs->relieve();
    });
    scheduler.spawn(1, [&] {
      Section section(*world.epochs);
      const uint64_t found = shared.load();
      if (found != 0 && world.frames.records().of(Pfn(found)).state() != vm::FrameState::owned) {
        throw "a reader saw a frame that is free";
      }
    });
    scheduler.spawn(2, [&] { (void)world.epochs->relieve(); });
    scheduler.run();
    world.finish();
  });
}

TEST_CASE("two readers and a list's own stamps agree", "[epoch]") {
  require_explored({.preemptions = 3}, [](Scheduler& scheduler) {
    World world;
    base::Atomic<int> linked{1};
    base::Atomic<int> gone{0};
    scheduler.spawn(0, [&] {
      linked.store(0);
      const uint64_t stamp = world.epochs->stamp();
      for (int i = 0; i < 3; ++i) (void)world.epochs->try_advance();
      if (world.epochs->passed() >= stamp) gone.store(1);
    });
    for (uint32_t cpu = 1; cpu < 3; ++cpu) {
      scheduler.spawn(cpu, [&] {
        Section section(*world.epochs);
        if (linked.load() != 0 && gone.load() != 0) throw "passed although a reader can see it";
      });
    }
    scheduler.run();
  });
}

TEST_CASE("a closed gate has nobody inside and lets them in again", "[epoch]") {
  require_explored({}, [](Scheduler& scheduler) {
    World world;
    vm::Gate gate;
    base::Atomic<int> inside{0};
    base::Atomic<int> passed{0};
    scheduler.spawn(0, [&] {
      world.epochs->close(gate);
      if (inside.load() != 0) throw "somebody is behind a closed gate";
      world.epochs->open(gate);
    });
    scheduler.spawn(1, [&] {
      Section section(*world.epochs, gate);
      inside.store(1);
      inside.store(0);
      passed.store(1);
    });
    scheduler.run();
    if (passed.load() != 1) throw "never let in";
  });
}

TEST_CASE("two gates, two closers, one who passes both", "[epoch]") {
  require_explored({.preemptions = 2}, [](Scheduler& scheduler) {
    World world;
    vm::Gate gates[2];
    base::Atomic<int> inside[2];
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&, cpu] {
        world.epochs->close(gates[cpu]);
        if (inside[cpu].load() != 0) throw "somebody is behind a closed gate";
        world.epochs->open(gates[cpu]);
      });
    }
    scheduler.spawn(2, [&] {
      Section outer(*world.epochs, gates[0]);
      inside[0].store(1);
      {
        Section inner(*world.epochs, gates[1]);
        inside[1].store(1);
        inside[1].store(0);
      }
      inside[0].store(0);
    });
    scheduler.run();
  });
}

TEST_CASE("a page shared while the object drops it is never a freed one", "[object]") {
  require_explored({.preemptions = 2}, [](Scheduler& scheduler) {
    World world;
    vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
    vm::SharedAnonymous<Frames> object(system, PageCount(4));
    {
      Section section(*world.epochs);
      world.frames.drop(object.page(vm::ObjectPage(1), vm::PageUse::write).frame());
    }
    scheduler.spawn(0, [&] { (void)object.resize(PageCount(0)); });
    scheduler.spawn(1, [&] {
      Section section(*world.epochs);
      const vm::PageAnswer answer = object.page(vm::ObjectPage(1), vm::PageUse::write);
      if (!answer.is_page()) return;
      vm::FrameRecord& record = world.frames.records().of(answer.frame());
      if (record.state() != vm::FrameState::object_page) throw "shared a page that was freed";
      world.frames.drop(answer.frame());
    });
    scheduler.run();
    object.check();
    object.release();
    world.finish();
  });
}

// A reader that comes late adds a reference to the frame for a moment: it must be nobody else's
// yet.
TEST_CASE("a page dropped by its object has no new owner while a reader may count it", "[object]") {
  require_explored({.preemptions = 3}, [](Scheduler& scheduler) {
    World world;
    vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
    vm::SharedAnonymous<Frames> object(system, PageCount(1));
    {
      Section section(*world.epochs);
      world.frames.drop(object.page(vm::ObjectPage(0), vm::PageUse::write).frame());
    }
    // The object's frame will be the only one to be had.
    std::vector<Pfn> others;
    world.frames.drain_caches();
    while (true) {
      const base::Result<Pfn> frame = world.frames.allocate();
      if (!frame.ok()) break;
      others.push_back(frame.value());
    }
    scheduler.spawn(0, [&] { (void)object.discard({vm::ObjectPage(0), vm::ObjectPage(1)}); });
    scheduler.spawn(1, [&] {
      Section section(*world.epochs);
      const vm::PageAnswer answer = object.resident(vm::ObjectPage(0));
      if (answer.is_page()) world.frames.drop(answer.frame());
    });
    scheduler.spawn(2, [&] {
      world.frames.drain_caches();
      const base::Result<Pfn> frame = world.frames.allocate();
      if (frame.ok()) world.frames.free(frame.value());
    });
    scheduler.run();
    object.check();
    object.release();
    for (const Pfn frame : others) world.frames.free(frame);
    world.finish();
  });
}

TEST_CASE("two first touches of a shared page make one page", "[object]") {
  require_explored({.preemptions = 2}, [](Scheduler& scheduler) {
    World world;
    vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
    vm::SharedAnonymous<Frames> object(system, PageCount(4));
    uint64_t got[2] = {};
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&, cpu] {
        Section section(*world.epochs);
        const vm::PageAnswer answer = object.page(vm::ObjectPage(2), vm::PageUse::write);
        got[cpu] = answer.frame().raw();
        world.frames.drop(answer.frame());
      });
    }
    scheduler.run();
    if (got[0] != got[1] || object.resident_pages().raw() != 1) throw "two pages for one";
    object.check();
    object.release();
    world.finish();
  });
}

TEST_CASE("a first touch beside the end of its page leaves none behind", "[object]") {
  require_explored({.preemptions = 2}, [](Scheduler& scheduler) {
    World world;
    vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
    vm::SharedAnonymous<Frames> object(system, PageCount(4));
    scheduler.spawn(0, [&] { (void)object.resize(PageCount(0)); });
    scheduler.spawn(1, [&] {
      Section section(*world.epochs);
      const vm::PageAnswer answer = object.page(vm::ObjectPage(2), vm::PageUse::write);
      if (answer.is_page()) world.frames.drop(answer.frame());
    });
    scheduler.run();
    if (object.resident_pages().raw() != 0) throw "a page past the end";
    object.check();
    object.release();
    world.finish();
  });
}

namespace {

// A pager that knows whether it is called after its end.
struct Mortal final : vm::Pager {
  base::Atomic<int> dead{0};
  uint64_t ticket = 0;
  base::Status request(vm::MemoryObject&, vm::ObjectRange, uint64_t with) override {
    ticket = with;
    if (dead.load() != 0) throw "a dead pager is asked";
    return {};
  }
  base::Status write_back(vm::MemoryObject&, const vm::WriteBack&) override {
    if (dead.load() != 0) throw "a dead pager is written to";
    return {};
  }
};

const base::Access all_rights = base::Right::read | base::Right::write | base::Right::user;

}  // namespace

TEST_CASE("an answer beside a truncation leaves no page past the end", "[object]") {
  require_explored({.preemptions = 2}, [](Scheduler& scheduler) {
    World world;
    Mortal pager;
    vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
    vm::Paged<Frames> object(system, pager, PageCount(4), all_rights);
    object.will_need({vm::ObjectPage(2), vm::ObjectPage(3)});
    const Pfn frame = world.frames.allocate().value();
    scheduler.spawn(0, [&] { (void)object.resize(PageCount(1)); });
    scheduler.spawn(1, [&] {
      const Pfn frames[] = {frame};
      if (!object.attach(pager.ticket, base::Bytes(2 * 4096), frames).ok()) {
        world.frames.free(frame);
      }
    });
    scheduler.run();
    object.check();
    object.release();
    world.finish();
  });
}

TEST_CASE("a pager that has died is called no more", "[object]") {
  for (const bool writes : {false, true}) {
    require_explored({.preemptions = 2}, [&](Scheduler& scheduler) {
      World world;
      Mortal pager;
      vm::ObjectSystem<Frames> system{world.frames, *world.epochs, world.mappers};
      vm::Paged<Frames> object(system, pager, PageCount(4), all_rights);
      if (writes) {
        object.will_need({vm::ObjectPage(2), vm::ObjectPage(3)});
        const Pfn frames[] = {world.frames.allocate().value()};
        if (!object.attach(pager.ticket, base::Bytes(2 * 4096), frames).ok()) throw "attach";
        Section section(*world.epochs);
        world.frames.drop(object.page(vm::ObjectPage(2), vm::PageUse::write).frame());
      }
      scheduler.spawn(0, [&] {
        object.pager_died();
        pager.dead.store(1);
      });
      scheduler.spawn(1, [&] {
        if (writes) {
          vm::SyncRun run({vm::ObjectPage(0), vm::ObjectPage(4)});
          (void)object.sync(run);
        } else {
          object.will_need({vm::ObjectPage(1), vm::ObjectPage(2)});
        }
      });
      scheduler.run();
      object.release();
      world.finish();
    });
  }
}

TEST_CASE("frames change hands between CPUs that allocate and free", "[frame]") {
  require_explored({.preemptions = 1}, [](Scheduler& scheduler) {
    World world;
    base::Atomic<uint64_t> slot{world.frames.allocate().value().raw()};
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&] {
        const Pfn mine = world.frames.allocate().value();
        const Pfn other(slot.exchange(mine.raw()));
        if (other == mine) throw "one frame was handed out twice";
        world.frames.free(other);
      });
    }
    scheduler.run();
    world.frames.free(Pfn(slot.load()));
    world.finish();
  });
}

TEST_CASE("a cache emptied by another CPU loses no frame", "[frame]") {
  require_explored({.preemptions = 1}, [](Scheduler& scheduler) {
    World world;
    world.frames.free(world.frames.allocate().value());
    scheduler.spawn(0, [&] { world.frames.free(world.frames.allocate().value()); });
    scheduler.spawn(1, [&] { world.frames.drain_caches(); });
    scheduler.run();
    world.finish();
  });
}

TEST_CASE("the last of two references frees the frame, once", "[frame]") {
  require_explored({}, [](Scheduler& scheduler) {
    World world;
    const Pfn frame = world.frames.allocate().value();
    world.frames.records().of(frame).add_references().expect("second reference");
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&] { world.frames.drop(frame); });
    }
    scheduler.run();
    world.finish();
  });
}
