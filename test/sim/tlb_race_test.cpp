// TlbDirectory under every interleaving: a CPU that enters, leaves or runs a space while another
// revokes a page of it never uses the page after the revocation is complete.
#include <catch2/catch.hpp>

#include "sim/explorer.h"
#include "sim/world.h"

namespace {

const base::Access read_write = base::Right::read | base::Right::write | base::Right::user;

// A space of one page at page 0, made by hand; several of them share a system.
template <class F>
struct Space {
  sim::World<F>& world;
  vm::TlbContext context;
  base::Pfn tables[5];
  base::Pfn page;
  base::Pfn second;  // at page 1
  unsigned levels;

  explicit Space(sim::World<F>& in) : world(in), levels(in.computer.features().levels) {
    const vm::Features& features = world.computer.features();
    for (unsigned level = 1; level <= levels; ++level) {
      tables[level - 1] = world.frames.allocate(vm::Contents::zero).value();
      if (level == 1) continue;
      *words(level) =
          F::encode(vm::Entry::table_of(tables[level - 2], vm::unlimited), level, features);
    }
    page = world.frames.allocate(vm::Contents::zero).value();
    vm::Entry entry = vm::Entry::leaf_of(page, F::granted(read_write, features));
    entry.accessed = entry.dirty = true;
    *words(1) = F::encode(entry, 1, features);
    second = entry.frame = world.frames.allocate(vm::Contents::zero).value();
    words(1)[1] = F::encode(entry, 1, features);
  }
  uint64_t* words(unsigned level) { return world.system->words(tables[level - 1]); }
  void enter() { world.system->tlb().enter(context, tables[levels - 1]); }
  void leave() { world.system->tlb().leave(); }
  // Takes the page away and frees it.
  void revoke(unsigned which = 0) {
    world.mmu.exchange(words(1) + which, 0);
    vm::TlbRanges ranges;
    ranges.add(base::VpnRange::single(base::Vpn(which)), vm::Invalidate::leaf);
    world.system->tlb().invalidate(context, ranges);
    world.frames.free(which == 0 ? page : second);
  }
  void touch() {
    if (world.computer.write_byte(0, 1).ok() && !world.computer.ram().is_live(page)) {
      sim::fail(sim::Rule::mismatch, "a revoked page was written");
    }
  }
};

enum class Tags { none, pcid, asid_few };

template <class F>
sim::Options options_for(Tags tags) {
  sim::Options options;
  options.frames = 64;
  options.sets_accessed = false;
  options.features.tag_bits = tags == Tags::none ? 0 : tags == Tags::pcid ? 12 : 2;
  options.features.tagged_invalidate = tags != Tags::none;
  return options;
}

template <class F>
void race(Tags tags, bool runs_it, const std::function<void(Space<F>&, Space<F>&)>& other,
          const char* name) {
  const sim::Exploration done = sim::explore({.max_runs = 200'000}, [&](sim::Scheduler& scheduler) {
    sim::World<F> world(options_for<F>(tags));
    Space<F> space(world);
    Space<F> another(world);
    // CPU 1 has run the space before, and remembers it.
    world.computer.run_on(1, [&] {
      space.enter();
      space.touch();
      if (!runs_it) another.enter();
    });
    scheduler.spawn(0, [&] { space.revoke(); });
    scheduler.spawn(1, [&] { other(space, another); });
    scheduler.run();
    world.computer.run_on(1, [&] { space.leave(); });
  });
  INFO(name << ": " << done.runs << " runs");
  CHECK(done.complete);
}

}  // namespace

TEMPLATE_TEST_CASE("a CPU that comes and goes does not use a revoked page", "[tlb]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  const bool broadcasts = sim::Mmu<F>::reach == vm::InvalidateReach::all_cpus;
  for (const Tags tags : {Tags::none, Tags::pcid, Tags::asid_few}) {
    if (broadcasts && tags == Tags::none) continue;
    if (!broadcasts && tags == Tags::asid_few) continue;
    using S = Space<F>;
    race<F>(
        tags, false,
        [](S& space, S&) {
          space.enter();
          space.touch();
        },
        "enter");
    race<F>(
        tags, false,
        [](S& space, S&) {
          for (int i = 0; i < 2; ++i) {
            space.enter();
            space.touch();
            space.leave();
          }
        },
        "enter and leave twice");
    race<F>(
        tags, true,
        [](S& space, S& another) {
          space.touch();
          another.enter();
          space.enter();
          space.touch();
        },
        "away and back");
    race<F>(
        tags, true,
        [](S& space, S&) {
          space.touch();
          space.leave();
          space.enter();
          space.touch();
        },
        "leave and come back");
  }
}

// An invalidation that overtakes another makes the CPU forget for both.
TEMPLATE_TEST_CASE("two CPUs revoke pages of the space that both run", "[tlb]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  const sim::Exploration done =
      sim::explore({.preemptions = 3, .max_runs = 200'000}, [&](sim::Scheduler& scheduler) {
        sim::World<F> world(options_for<F>(Tags::pcid));
        Space<F> space(world);
        for (uint32_t cpu = 0; cpu < 2; ++cpu) {
          world.computer.run_on(cpu, [&] {
            space.enter();
            space.touch();
          });
          scheduler.spawn(cpu, [&, cpu] { space.revoke(cpu); });
        }
        scheduler.run();
        for (uint32_t cpu = 0; cpu < 2; ++cpu) {
          world.computer.run_on(cpu, [&] { space.leave(); });
        }
      });
  CHECK(done.runs < 200'000);
}

TEMPLATE_TEST_CASE("tags run out and begin a new round without leaking translations", "[tlb]",
                   x86_64::Format, aarch64::Format) {
  using F = TestType;
  for (const Tags tags : {Tags::pcid, Tags::asid_few}) {
    sim::Options options = options_for<F>(tags);
    options.frames = 512;
    sim::World<F> world(options);
    std::vector<std::unique_ptr<Space<F>>> spaces;
    for (int i = 0; i < 20; ++i) spaces.push_back(std::make_unique<Space<F>>(world));
    sim::Random random(7);
    for (int turn = 0; turn < 2000; ++turn) {
      Space<F>& space = *spaces[random.below(spaces.size())];
      world.computer.run_on(uint32_t(random.below(2)), [&] {
        space.enter();
        uint8_t value = uint8_t(turn);
        const sim::Outcome outcome = world.computer.write_byte(1, value);
        REQUIRE(outcome.ok());
        REQUIRE(outcome.frame == space.page);
        if (random.once_in(5)) space.leave();
      });
    }
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      world.computer.run_on(cpu, [&] { spaces[0]->leave(); });
    }
  }
}
