// The machine catches every mistake of a small kernel, and lets the right one pass. Each test runs
// against both real formats.
#include <catch2/catch.hpp>

#include "sim/example/small_kernel.h"

using base::Access;
using base::Right;
using base::Vpn;
using example::Mistake;
using example::SmallKernel;

namespace {

const Access read_only = Right::read | Right::user;
const Access read_write = Right::read | Right::write | Right::user;

// Runs `body` and returns the rule it broke, if any.
template <class Body>
std::string caught(Body&& body) {
  try {
    body();
  } catch (const sim::Failure& failure) {
    return sim::rule_name(failure.rule());
  }
  return "";
}
std::string name(sim::Rule rule) {
  return sim::rule_name(rule);
}

template <class F>
struct World {
  sim::ComputerOf<F> computer;
  SmallKernel<F> kernel;
  explicit World(Mistake mistake = Mistake::none, sim::Options options = {})
      : computer(options), kernel(computer, mistake) {
    computer.run_on(0, [&] { kernel.enter(); });
    computer.run_on(1, [&] { kernel.enter(); });
  }
};

constexpr uint64_t address_of(Vpn page) {
  return page.raw() << 12;
}

}  // namespace

TEMPLATE_TEST_CASE("a right kernel passes", "[sim]", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  const Vpn page(0x1234);
  world.kernel.map(page, read_write);
  uint8_t value = 0;
  REQUIRE(world.computer.write_byte(address_of(page) + 5, 42).ok());
  REQUIRE(world.computer
              .run_on(1, [&] { return world.computer.read_byte(address_of(page) + 5, value); })
              .ok());
  REQUIRE(value == 42);
  world.kernel.protect(page, read_only);
  REQUIRE(world.computer.write_byte(address_of(page), 1).fault == sim::FaultKind::permission);
  REQUIRE(world.computer.read_byte(address_of(page), value).ok());
  world.kernel.unmap(page);
  REQUIRE(world.computer.read_byte(address_of(page), value).fault == sim::FaultKind::not_present);
  world.kernel.drop_table(page);
  REQUIRE(world.computer.read_byte(address_of(page), value).fault == sim::FaultKind::not_present);
}

TEMPLATE_TEST_CASE("five levels translate as four do", "[sim]", x86_64::Format, aarch64::Format) {
  sim::Options options;
  options.features.levels = 5;
  options.features.physical_bits = 52;
  World<TestType> world(Mistake::none, options);
  const Vpn high = TestType::user_pages(options.features).last();
  world.kernel.map(high, read_write);
  REQUIRE(world.computer.write_byte(address_of(high), 1).ok());
  uint8_t value = 0;
  REQUIRE(world.computer.read_byte(~0ULL << 52, value).fault == sim::FaultKind::not_canonical);
}

TEMPLATE_TEST_CASE("a missing flush lets stale rights through", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(Mistake::no_flush);
  const Vpn page(1);
  world.kernel.map(page, read_write);
  REQUIRE(world.computer.write_byte(address_of(page), 1).ok());
  world.kernel.protect(page, read_only);
  const sim::Outcome outcome = world.computer.write_byte(address_of(page), 2);
  REQUIRE(outcome.ok());
  REQUIRE(outcome.stale);
}

TEMPLATE_TEST_CASE("a frame freed without a flush is caught at the free", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(Mistake::no_flush);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_cached));
}

TEMPLATE_TEST_CASE("a flush before the entry is cleared is caught", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(Mistake::flush_first);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_cached));
}

TEST_CASE("a CPU that was not told is caught where invalidations are local", "[sim]") {
  World<x86_64::Format> world(Mistake::local_flush_only);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_cached));
}

TEMPLATE_TEST_CASE("a frame freed before the last acknowledgement is caught", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(Mistake::free_before_acknowledge);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_cached));
}

TEMPLATE_TEST_CASE("a frame freed while mapped is caught", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(Mistake::keeps_mapping);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_mapped));
}

TEMPLATE_TEST_CASE("a forgotten intermediate entry is caught when its table is freed", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(Mistake::no_walk_flush);
  world.kernel.map(Vpn(1), read_write);
  world.kernel.unmap(Vpn(1));
  REQUIRE(caught([&] { world.kernel.drop_table(Vpn(1)); }) == name(sim::Rule::freed_table_cached));
}

TEST_CASE("replacing a live entry in place is caught where it must be broken", "[sim]") {
  World<aarch64::Format> world(Mistake::no_break);
  world.kernel.map(Vpn(1), read_write);
  const base::Pfn other = world.computer.allocate().value();
  REQUIRE(caught([&] { world.kernel.set(Vpn(1), other, read_write); }) ==
          name(sim::Rule::break_before_make));
}

TEST_CASE("making an entry before the broken one is flushed is caught", "[sim]") {
  World<aarch64::Format> world(Mistake::no_flush);
  world.kernel.map(Vpn(1), read_write);
  const base::Pfn other = world.computer.allocate().value();
  REQUIRE(caught([&] { world.kernel.set(Vpn(1), other, read_write); }) ==
          name(sim::Rule::make_before_flush));
}

TEST_CASE("replacing a live entry in place is fine on x86_64 until the flush", "[sim]") {
  World<x86_64::Format> world;
  const base::Pfn first = world.kernel.map(Vpn(1), read_write);
  const base::Pfn other = world.computer.allocate().value();
  world.kernel.set(Vpn(1), other, read_write);
  world.computer.free(first);
  REQUIRE(world.computer.write_byte(address_of(Vpn(1)), 3).frame == other);
}

TEST_CASE("an entry that was not published is not there yet", "[sim]") {
  World<aarch64::Format> world(Mistake::no_publish);
  world.kernel.map(Vpn(1), read_write);
  uint8_t value = 0;
  REQUIRE(world.computer.read_byte(address_of(Vpn(1)), value).fault == sim::FaultKind::not_present);
  world.computer.publish();
  REQUIRE(world.computer.read_byte(address_of(Vpn(1)), value).ok());
}

TEST_CASE("what was there may be walked until its removal is published", "[sim]") {
  sim::Options options;
  options.cpus = 3;
  World<aarch64::Format> world(Mistake::none, options);
  auto& computer = world.computer;
  const Vpn page(1);
  const base::Pfn frame = world.kernel.map(page, read_write);
  computer.run_on(0, [&] { computer.exchange(world.kernel.slot_of(page), 0); });
  // This CPU has never used the page: there is nothing that an invalidation would have to name.
  computer.run_on(2, [&] { world.kernel.enter(); });
  const auto use = [&] {
    return computer.run_on(2, [&] { return computer.access(address_of(page), sim::Use::read); });
  };
  REQUIRE(use().ok());
  REQUIRE(use().frame == frame);
  computer.run_on(0, [&] { computer.publish(); });
  REQUIRE(use().fault == sim::FaultKind::not_present);
}

TEST_CASE("a right that was given back to a table may be missed until it is published", "[sim]") {
  World<aarch64::Format> world;
  auto& computer = world.computer;
  const Vpn page(1);
  world.kernel.map(page, read_write);
  const auto give = [&](Access access) {
    uint64_t* slot = world.kernel.slot_of(page, 2);
    vm::Entry table = aarch64::Format::decode(*slot, 2, computer.features());
    table.access = access;
    computer.exchange(slot, aarch64::Format::encode(table, 2, computer.features()));
  };
  give(vm::unlimited.without(Right::write));
  computer.invalidate(world.kernel.tag, base::VpnRange::single(page), vm::Invalidate::walk);
  give(vm::unlimited);
  REQUIRE_FALSE(computer.write_byte(address_of(page), 1).ok());
  REQUIRE_FALSE(computer.write_byte(address_of(page), 1).ok());
  computer.publish();
  computer.invalidate(world.kernel.tag, base::VpnRange::single(page), vm::Invalidate::walk);
  REQUIRE(computer.write_byte(address_of(page), 1).ok());
}

TEMPLATE_TEST_CASE("a leaf outlives the flush of another page by the same way", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto& computer = world.computer;
  for (const uint64_t page : {1, 2}) world.kernel.map(Vpn(page), read_write);
  for (const uint64_t page : {1, 2}) REQUIRE(computer.write_byte(page << 12, 1).ok());
  uint64_t* slot = world.kernel.slot_of(Vpn(1), 2);
  vm::Entry table = TestType::decode(*slot, 2, computer.features());
  table.access = table.access.without(Right::write);
  computer.exchange(slot, TestType::encode(table, 2, computer.features()));
  computer.invalidate(world.kernel.tag, base::VpnRange::single(Vpn(1)), vm::Invalidate::walk);
  REQUIRE(computer.write_byte(1 << 12, 2).fault == sim::FaultKind::permission);
  REQUIRE(computer.write_byte(2 << 12, 2).stale);
}

TEMPLATE_TEST_CASE("a plain store over a live entry is caught", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(Mistake::plain_store);
  world.kernel.map(Vpn(1), read_write);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::lost_update));
}

TEMPLATE_TEST_CASE("a forgotten global entry outlives a flush of the tag", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  vm::Entry global;
  global.global = true;
  world.kernel.set(Vpn(1), world.computer.allocate().value(), read_write, {}, global);
  REQUIRE(caught([&] { world.kernel.unmap(Vpn(1)); }) == name(sim::Rule::freed_frame_cached));
}

TEMPLATE_TEST_CASE("a tag given to another space without a flush is caught", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  SmallKernel<TestType> other(world.computer, Mistake::none);
  REQUIRE(caught([&] {
            world.computer.publish();
            world.computer.activate(other.root(), SmallKernel<TestType>::tag, vm::OnActivate::keep);
          }) == name(sim::Rule::tag_reused));
}

TEMPLATE_TEST_CASE("a tag kept while its tables were freed is caught when it runs again", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  world.kernel.map(Vpn(1), read_write);
  world.computer.run_on(0, [&] { world.computer.deactivate(); });
  world.computer.run_on(1, [&] { world.computer.deactivate(); });
  // Nobody runs the space: its frames may go, but its tag must not come back unflushed.
  uint64_t* slot = world.kernel.slot_of(Vpn(1));
  const base::Pfn frame =
      TestType::decode(world.computer.exchange(slot, 0), 1, world.computer.features()).frame;
  world.computer.free(frame);
  REQUIRE(caught([&] {
            world.computer.activate(world.kernel.root(), SmallKernel<TestType>::tag,
                                    vm::OnActivate::keep);
          }) == name(sim::Rule::freed_frame_cached));
  world.computer.activate(world.kernel.root(), SmallKernel<TestType>::tag, vm::OnActivate::forget);
}

TEMPLATE_TEST_CASE("an access of a freed frame says who freed it", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  const base::Pfn frame = world.computer.allocate().value();
  world.computer.ram().set_operation("the culprit");
  world.computer.free(frame);
  try {
    (void)world.computer.load(world.computer.ram().words(frame));
    FAIL("not caught");
  } catch (const sim::Failure& failure) {
    REQUIRE(failure.rule() == sim::Rule::freed_frame_access);
    REQUIRE(std::string(failure.what()).find("the culprit") != std::string::npos);
  }
  *world.computer.ram().words(frame) = 1;  // a write that the machine did not see
  REQUIRE(caught([&] { (void)world.computer.allocate(); }) == name(sim::Rule::freed_frame_access));
}

TEMPLATE_TEST_CASE("a write right revoked in a table entry is stale until walks are flushed",
                   "[sim]", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  const Vpn page(1);
  world.kernel.map(page, read_write);
  REQUIRE(world.computer.write_byte(address_of(page), 1).ok());
  uint64_t* slot = world.kernel.slot_of(page, 2);
  const uint64_t old = world.computer.load(slot);
  world.computer.exchange(slot, TestType::write_protect(old, 2, world.computer.features()));
  REQUIRE(world.computer.write_byte(address_of(page), 2).stale);
  world.computer.invalidate(SmallKernel<TestType>::tag, base::VpnRange::single(page),
                            vm::Invalidate::leaf);
  REQUIRE(world.computer.write_byte(address_of(page), 2).ok());  // the table's old limit lives on
  world.computer.invalidate(SmallKernel<TestType>::tag, base::VpnRange::single(page),
                            vm::Invalidate::walk);
  REQUIRE(world.computer.write_byte(address_of(page), 3).fault == sim::FaultKind::permission);
}

TEMPLATE_TEST_CASE("a right that was granted may be missed until a fault or a flush", "[sim]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(Mistake::no_flush);
  const Vpn page(1);
  world.kernel.map(page, read_only);
  world.kernel.protect(page, read_write);
  REQUIRE(world.computer.write_byte(address_of(page), 1).fault == sim::FaultKind::permission);
  const bool forgets = sim::HardwareOf<TestType>::rules.fault_forgets;
  REQUIRE(world.computer.write_byte(address_of(page), 1).ok() == forgets);
  world.computer.invalidate(SmallKernel<TestType>::tag, base::VpnRange::single(page),
                            vm::Invalidate::leaf);
  REQUIRE(world.computer.write_byte(address_of(page), 1).ok());
}

TEMPLATE_TEST_CASE("accessed and dirty bits are set as the hardware does", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  const Vpn page(1);
  world.kernel.map(page, read_write);
  const auto entry = [&] {
    return TestType::decode(world.computer.load(world.kernel.slot_of(page)), 1,
                            world.computer.features());
  };
  REQUIRE_FALSE(entry().dirty);
  uint8_t value = 0;
  REQUIRE(world.computer.read_byte(address_of(page), value).ok());
  REQUIRE_FALSE(entry().dirty);
  REQUIRE(world.computer.write_byte(address_of(page), 1).ok());
  REQUIRE(entry().dirty);
}

TEST_CASE("without hardware management aarch64 faults for the accessed bit and the first write",
          "[sim]") {
  sim::Options options;
  options.features.hardware_accessed = false;
  options.features.hardware_dirty = false;
  World<aarch64::Format> world(Mistake::none, options);
  const Vpn page(1);
  world.kernel.map(page, read_write);
  REQUIRE(world.computer.write_byte(address_of(page), 1).fault == sim::FaultKind::permission);
  uint64_t* slot = world.kernel.slot_of(page);
  world.computer.exchange(
      slot, aarch64::Format::mark_old(world.computer.load(slot), 1, options.features));
  world.computer.invalidate(SmallKernel<aarch64::Format>::tag, base::VpnRange::single(page),
                            vm::Invalidate::leaf);
  uint8_t value = 0;
  REQUIRE(world.computer.read_byte(address_of(page), value).fault == sim::FaultKind::accessed);
}

TEMPLATE_TEST_CASE("every state in between is rewound and checked", "[sim]", x86_64::Format,
                   aarch64::Format) {
  sim::Options options;
  options.log = true;
  World<TestType> world(Mistake::none, options);
  const Vpn page(1);
  world.kernel.map(page, read_write);
  const sim::EntryLog::Mark mark = world.computer.log().mark();
  world.kernel.protect(page, read_only);
  world.computer.check_intermediate_states(mark, world.kernel.root(), base::VpnRange::single(page));
  // Through a third state: neither what was nor what is.
  const sim::EntryLog::Mark second = world.computer.log().mark();
  world.kernel.protect(page, Right::read | Right::write | Right::execute | Right::user);
  world.kernel.protect(page, read_write);
  REQUIRE(caught([&] {
            world.computer.check_intermediate_states(second, world.kernel.root(),
                                                     base::VpnRange::single(page));
          }) == name(sim::Rule::intermediate_state));
}

TEMPLATE_TEST_CASE("the Nth allocation fails when told to", "[sim]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  world.computer.ram().fail_after(1);
  REQUIRE(world.computer.allocate().ok());
  const base::Result<base::Pfn> failed = world.computer.allocate();
  REQUIRE_FALSE(failed.ok());
  REQUIRE(world.computer.ram().failure_fired());
  REQUIRE(world.computer.allocate().ok());
}
