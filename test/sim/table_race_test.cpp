// Page tables under every interleaving: pairs of operations on one tree and on two trees that share
// tables. Contents, invariants and every reference count are checked after each run.
#include <cstdlib>

#include "sim/explorer.h"
#include "unit/table/world.h"

namespace {

using namespace table_test;

enum class Act {
  write_first,   // to a page that is there
  write_second,  // to its neighbour in the same table
  read_fresh,    // of a page that is not there yet, in the same table
  write_far,     // to a page in another table
  remove,        // the first page
  remove_all,
  protect,  // the first two pages lose the write right
  destroy,  // the whole tree
};

const char* name(Act act) {
  static const char* const names[] = {"write first", "write second", "read fresh", "write far",
                                      "remove",      "remove all",   "protect",    "destroy"};
  return names[int(act)];
}

constexpr Vpn first_page(510);
constexpr Vpn second_page(511);
constexpr Vpn fresh_page(509);
constexpr Vpn far_page(513);

template <class F>
struct Scene {
  using W = World<F>;
  W world;
  std::unique_ptr<typename W::Space> space[2];  // parent and child
  static sim::Options options() {
    sim::Options it = default_options();
    it.frames = 256;
    it.cpus = 2;
    it.sets_accessed = false;
    return it;
  }
  Scene() : world(options()) {
    space[0] = world.space();
    world.write(*space[0], first_page, 1);
    world.write(*space[0], second_page, 2);
    world.write(*space[0], far_page, 3);
  }
  void share() { space[1] = world.clone(*space[0]); }

  // A program's access; false: no fault handler could help.
  void access(typename W::Space& who, Vpn page, sim::Use use, uint8_t value) {
    for (int tries = 0; tries < 10; ++tries) {
      const sim::Outcome outcome = use == sim::Use::write
                                       ? world.computer.write_byte(page.raw() << 12, value)
                                       : world.computer.read_byte(page.raw() << 12, value);
      if (outcome.ok()) return;
      if (!world.fault(who, page, use).ok()) {
        sim::fail(sim::Rule::mismatch, "a fault fails");
      }
    }
    sim::fail(sim::Rule::livelock, "page %llu", (unsigned long long)page.raw());
  }

  void act(Act what, unsigned which, uint8_t value) {
    auto& who = *space[which];
    const auto ok = [](const base::Status& status) {
      if (!status.ok()) sim::fail(sim::Rule::mismatch, "an operation fails");
    };
    switch (what) {
      case Act::write_first: return access(who, first_page, sim::Use::write, value);
      case Act::write_second: return access(who, second_page, sim::Use::write, value);
      case Act::read_fresh: return access(who, fresh_page, sim::Use::read, 0);
      case Act::write_far: return access(who, far_page, sim::Use::write, value);
      case Act::remove: return ok(world.remove(who, VpnRange::single(first_page)));
      case Act::remove_all: return ok(world.remove(who, VpnRange(fresh_page, Vpn(514))));
      case Act::protect:
        return ok(world.protect(who, VpnRange::of(first_page, PageCount(2)), user_r));
      case Act::destroy:
        world.system->tlb().leave();
        who.table.destroy();
        return;
    }
  }

  // What a page must hold once `what` with `value` was all that happened to the space.
  uint8_t expected(Act what, Vpn page, uint8_t value) const {
    if (what == Act::remove_all) return 0;
    if (page == first_page) {
      return what == Act::write_first ? value : what == Act::remove ? uint8_t(0) : uint8_t(1);
    }
    if (page == second_page) return what == Act::write_second ? value : uint8_t(2);
    if (page == far_page) return what == Act::write_far ? value : uint8_t(3);
    return 0;
  }
};

uint64_t run_limit() {
  const char* text = std::getenv("SIM_RUNS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 60;
}

struct Tally {
  uint64_t runs = 0;
  unsigned complete = 0;
  unsigned pairs = 0;
  void add(const sim::Exploration& done) {
    runs += done.runs;
    pairs += 1;
    complete += done.complete ? 1 : 0;
  }
};

// Exhaustive up to the limit of runs; what is left, with at most two preemptions.
void explore(Tally& tally, const std::function<void(sim::Scheduler&)>& scenario) {
  const sim::Exploration done = sim::explore({.max_runs = run_limit()}, scenario);
  tally.add(done);
  if (!done.complete) {
    tally.runs += sim::explore({.preemptions = 2, .max_runs = run_limit()}, scenario).runs;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("pairs of operations on trees that share tables", "[table]", x86_64::Format,
                   aarch64::Format) {
  Tally tally;
  const Act acts[] = {Act::write_first, Act::read_fresh, Act::write_far, Act::remove,
                      Act::remove_all,  Act::protect,    Act::destroy};
  for (const Act a : acts) {
    for (const Act b : acts) {
      INFO(name(a) << " in the parent, " << name(b) << " in the child");
      explore(tally, [&](sim::Scheduler& scheduler) {
        Scene<TestType> scene;
        scene.share();
        auto& world = scene.world;
        world.leave_all();
        for (uint32_t cpu = 0; cpu < 2; ++cpu) {
          world.computer.run_on(cpu, [&] { scene.space[cpu]->table.enter(); });
        }
        scheduler.spawn(0, [&] { scene.act(a, 0, 77); });
        scheduler.spawn(1, [&] { scene.act(b, 1, 99); });
        scheduler.run();
        std::vector<typename World<TestType>::Space*> alive;
        if (a != Act::destroy) alive.push_back(scene.space[0].get());
        if (b != Act::destroy) alive.push_back(scene.space[1].get());
        world.audit(alive);
        for (unsigned i = 0; i < 2; ++i) {
          const Act what = i == 0 ? a : b;
          if (what == Act::destroy) {
            world.computer.run_on(i, [&] { world.system->tlb().leave(); });
            continue;
          }
          for (const Vpn page : {first_page, second_page, fresh_page, far_page}) {
            const uint8_t want = scene.expected(what, page, i == 0 ? 77 : 99);
            if (world.read(*scene.space[i], page, i) != want) {
              sim::fail(sim::Rule::mismatch, "space %u, page %llu", i,
                        (unsigned long long)page.raw());
            }
          }
        }
        world.audit(alive);
        world.leave_all();
        for (unsigned i = 0; i < 2; ++i) {
          if ((i == 0 ? a : b) == Act::destroy) (void)scene.space[i].release();
        }
      });
    }
  }
  WARN(tally.pairs << " pairs, " << tally.complete << " exhausted, " << tally.runs << " runs");
}

TEMPLATE_TEST_CASE("pairs of faults, and faults beside a writer, in one tree", "[table]",
                   x86_64::Format, aarch64::Format) {
  Tally tally;
  const Act faults[] = {Act::write_first, Act::write_second, Act::read_fresh, Act::write_far};
  const Act others[] = {Act::write_first, Act::write_second, Act::read_fresh, Act::write_far,
                        Act::remove,      Act::remove_all,   Act::protect};
  for (const bool shared : {false, true}) {
    for (const Act a : faults) {
      for (const Act b : others) {
        INFO(name(a) << " beside " << name(b) << (shared ? ", tables shared" : ""));
        explore(tally, [&](sim::Scheduler& scheduler) {
          Scene<TestType> scene;
          if (shared) scene.share();
          auto& world = scene.world;
          for (uint32_t cpu = 0; cpu < 2; ++cpu) {
            world.computer.run_on(cpu, [&] { scene.space[0]->table.enter(); });
          }
          scheduler.spawn(0, [&] { scene.act(a, 0, 77); });
          scheduler.spawn(1, [&] { scene.act(b, 0, 99); });
          scheduler.run();
          std::vector<typename World<TestType>::Space*> alive{scene.space[0].get()};
          if (shared) alive.push_back(scene.space[1].get());
          world.audit(alive);
          if (shared) {
            for (const Vpn page : {first_page, second_page, fresh_page, far_page}) {
              if (world.read(*scene.space[1], page, 1) !=
                  scene.expected(Act::read_fresh, page, 0)) {
                sim::fail(sim::Rule::mismatch, "the other tree changed");
              }
            }
          }
          world.leave_all();
        });
      }
    }
  }
  WARN(tally.pairs << " pairs, " << tally.complete << " exhausted, " << tally.runs << " runs");
}
