// Leaves that change their size under two CPUs at once: splits, a collapse, a removal that cuts a
// leaf which somebody else splits.
#include "race/scene.h"
#include "unit/table/world.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using table_test::Pfn;
using table_test::user_rw;
using table_test::Vpn;
using table_test::VpnRange;
using table_test::World;

constexpr Vpn large_page(512);

sim::Options options() {
  sim::Options it = table_test::default_options();
  it.frames = 2048;
  it.cpus = 2;
  it.sets_accessed = false;
  return it;
}

template <class F>
void map_large(World<F>& world, typename World<F>::Space& space) {
  const Pfn block = world.frames.allocate_block({.order = 9}).value();
  world.system->records().of(block).set_state(vm::FrameState::private_page);
  typename World<F>::Batch batch = space.table.batch();
  const base::Status status =
      space.table.with_private_table(large_page, 2, batch, [&](auto& table) -> base::Status {
        vm::Entry leaf = vm::Entry::leaf_of(block, user_rw);
        leaf.accessed = leaf.dirty = true;
        table.install(large_page, leaf);
        return {};
      });
  REQUIRE(status.ok());
  batch.settle();
}

template <class F>
void split(World<F>& world, typename World<F>::Space& space) {
  typename vm::Epochs<sim::Host<F>>::Section section(world.system->epochs());
  typename World<F>::Batch batch = space.table.batch();
  race::must(space.table.split(large_page, batch), "split");
  batch.settle();
}

template <class F>
void enter_on_both(World<F>& world, typename World<F>::Space& space) {
  for (uint32_t cpu = 0; cpu < 2; ++cpu) {
    world.computer.run_on(cpu, [&] {
      space.table.enter();
      return 0;
    });
  }
}

}  // namespace

TEMPLATE_TEST_CASE("two CPUs that split one leaf", "[race]", TEST_FORMATS) {
  race::explore(1, [&](sim::Scheduler& scheduler) {
    World<TestType> world(options());
    auto space = world.space();
    map_large(world, *space);
    enter_on_both(world, *space);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scheduler.spawn(cpu, [&] { split(world, *space); });
    scheduler.run();
    world.audit({space.get()});
    world.leave_all();
  });
}

TEMPLATE_TEST_CASE("a removal that cuts a leaf while another CPU splits it", "[race]",
                   TEST_FORMATS) {
  race::explore(1, [&](sim::Scheduler& scheduler) {
    World<TestType> world(options());
    auto space = world.space();
    typename World<TestType>::Batch batch = space->table.batch();
    const VpnRange range(Vpn(0), large_page + base::PageCount(3));
    auto reserve =
        space->table.prepare(range, vm::Prepare::edges, vm::LargeLeaves::possible, batch);
    race::must(reserve, "prepare");
    map_large(world, *space);  // as a fault would meanwhile
    enter_on_both(world, *space);
    scheduler.spawn(0, [&] {
      space->table.remove(range, reserve.value(), batch);
      batch.settle();
    });
    scheduler.spawn(1, [&] { split(world, *space); });
    scheduler.run();
    {
      const auto rest = base::move(reserve);
    }
    world.audit({space.get()});
    race::require(space->table.resident(VpnRange(Vpn(0), Vpn(2048))) == base::PageCount(509),
                  "other pages than the range's have gone");
    world.leave_all();
  });
}

// Shootdowns make it long on x86_64, which takes the same steps. Who collapses it may give the
// small table back at once, or later: until then whoever had come to it must see that it is dead.
TEMPLATE_TEST_CASE("a table that collapses while one of its pages goes", "[race]", TEST_FORMATS) {
  using W = World<TestType>;
  if constexpr (!vm::TlbDirectory<typename W::Machine>::broadcasts) return;
  const bool later = GENERATE(false, true);
  race::explore(1, [&](sim::Scheduler& scheduler) {
    W world(options());
    auto space = world.space();
    map_large(world, *space);
    split(world, *space);
    const Pfn block = world.frames.allocate_block({.order = 9}).value();
    enter_on_both(world, *space);
    bool collapsed = false;
    bool removed = false;
    typename W::Batch collapsing = space->table.batch();
    scheduler.spawn(0, [&] {
      collapsed = space->table.collapse(large_page, block, collapsing).ok();
      if (!later) collapsing.settle();
    });
    scheduler.spawn(1, [&] {
      typename vm::Epochs<sim::Host<TestType>>::Section section(world.system->epochs());
      typename W::Batch batch = space->table.batch();
      race::must(space->table.with_private_table(large_page, 1, batch,
                                                 [&](auto& table) -> base::Status {
                                                   if (table.level() != 1) return {};
                                                   (void)table.remove(large_page, batch);
                                                   removed = true;
                                                   return {};
                                                 }),
                 "with_private_table");
      batch.settle();
    });
    scheduler.run();
    collapsing.settle();
    const bool there = space->table.lookup(large_page).entry.kind == vm::EntryKind::leaf;
    race::require(collapsed != removed && there == collapsed, "a page that was removed is back");
    if (!collapsed) world.frames.drop(block);
    world.audit({space.get()});
    world.leave_all();
  });
}
