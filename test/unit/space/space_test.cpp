#include <catch2/catch.hpp>

#include "space_fixture.h"

using namespace space_test;
using base::Access;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {
VpnRange range(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}
}  // namespace

TEMPLATE_TEST_CASE("untouched private memory reads as zeros and keeps what is written", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 16).ok());
  process.space.check();
  CHECK(process.read(0x1000) == 0u);
  CHECK(process.write(0x1001, 7));
  CHECK(process.read(0x1001) == 7u);
  CHECK(process.write(0x1000, 8));
  CHECK(process.read(0x1000) == 8u);
  CHECK(process.read(0x1002) == 0u);
  process.space.check();
  const vm::SpaceStatistics statistics = process.space.statistics();
  CHECK(statistics.faults.zero == 2);
  CHECK(statistics.faults.fresh == 2);
  CHECK(statistics.resident == PageCount(3));
  CHECK_FALSE(process.read(0x1010).has_value());
  CHECK(process.refusal == vm::Refusal::unmapped);
  CHECK_FALSE(process.read(0xfff).has_value());
}

TEMPLATE_TEST_CASE("unmapped memory is gone, and fresh when mapped again", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 1024).ok());
  for (uint64_t page = 0x1000; page < 0x1400; page += 100) REQUIRE(process.write(page, page));
  REQUIRE(process.space.unmap(range(0x1064, 200)).ok());
  process.space.check();
  CHECK_FALSE(process.read(0x1064).has_value());
  CHECK(process.read(0x1000) == 0x1000u);
  CHECK(process.read(0x1000 + 300) == 0x1000u + 300);
  REQUIRE(process.map(0x1064, 10).ok());
  CHECK(process.read(0x1064) == 0u);
  REQUIRE(process.space.unmap(range(0x10, 0x10000)).ok());
  process.space.check();
  CHECK(process.space.statistics().mappings == 0);
}

TEMPLATE_TEST_CASE("a space that once had many mappings is destroyed whole", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  {
    Process<TestType> process(world);
    for (uint64_t i = 0; i < 400; ++i) REQUIRE(process.map(0x1000 + 2 * i, 1).ok());
    REQUIRE(process.space.unmap(range(0x1000, 800)).ok());
    REQUIRE(process.map(0x1000, 1).ok());
    process.space.check();
  }
}

TEMPLATE_TEST_CASE("protect refuses what it forbids and restores what it allows", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x2000, 8).ok());
  for (uint64_t page = 0x2000; page < 0x2008; ++page) REQUIRE(process.write(page, page));
  REQUIRE(process.space.protect(range(0x2002, 2), Right::read).ok());
  process.space.check();
  CHECK(process.space.statistics().mappings == 3);
  CHECK_FALSE(process.write(0x2002, 1));
  CHECK(process.refusal == vm::Refusal::access);
  CHECK(process.read(0x2002) == 0x2002u);
  CHECK(process.write(0x2001, 1));
  REQUIRE(process.space.protect(range(0x2002, 2), Access::none()).ok());
  process.space.check();
  CHECK_FALSE(process.read(0x2003).has_value());
  REQUIRE(process.space.protect(range(0x2002, 2), Right::read | Right::write).ok());
  process.space.check();
  CHECK(process.space.statistics().mappings == 1);
  CHECK(process.read(0x2003) == 0x2003u);
  CHECK(process.write(0x2003, 5));
  CHECK(process.space.protect(range(0x2004, 8), Right::read).error() == base::Error::not_mapped);
  CHECK(process.write(0x2004, 5));
}

TEMPLATE_TEST_CASE("a clone sees the memory of its birth, and neither sees the other's writes", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> parent(world);
  REQUIRE(parent.map(0x3000, 600).ok());
  for (uint64_t page = 0x3000; page < 0x3000 + 600; page += 50) REQUIRE(parent.write(page, page));
  Process<TestType> child(world);
  REQUIRE(parent.space.clone_into(child.space).ok());
  parent.space.check();
  child.space.check();
  CHECK(child.read(0x3000) == 0x3000u);
  CHECK(parent.write(0x3000, 1));
  CHECK(child.read(0x3000) == 0x3000u);
  CHECK(child.write(0x3032, 2));
  CHECK(parent.read(0x3032) == 0x3032u);
  CHECK(parent.read(0x3000) == 1u);
  CHECK(child.read(0x3001) == 0u);
  parent.space.check();
  child.space.check();
  Process<TestType> grandchild(world);
  REQUIRE(child.space.clone_into(grandchild.space).ok());
  REQUIRE(child.space.unmap(range(0x3000, 600)).ok());
  CHECK(grandchild.read(0x3032) == 2u);
  CHECK(grandchild.write(0x3064, 9));
  CHECK(parent.read(0x3064) == 0x3064u);
  parent.space.check();
  child.space.check();
  grandchild.space.check();
}

TEMPLATE_TEST_CASE("a page written by the last of its sharers is reused, not copied", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> parent(world);
  REQUIRE(parent.map(0x3000, 4).ok());
  REQUIRE(parent.write(0x3000, 3));
  {
    Process<TestType> child(world);
    REQUIRE(parent.space.clone_into(child.space).ok());
    REQUIRE(child.write(0x3000, 4));
    CHECK(child.space.statistics().faults.copied == 1);
  }
  CHECK(parent.write(0x3000, 5));
  CHECK(parent.space.statistics().faults.copied == 0);
}

TEMPLATE_TEST_CASE("tables that a clone shares and that a write makes private are counted", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> parent(world);
  const uint64_t far = 1ULL << 30;  // below another entry of the root
  REQUIRE(parent.map(0x3000, 4).ok());
  REQUIRE(parent.map(far, 4).ok());
  REQUIRE(parent.write(0x3000, 1));
  REQUIRE(parent.write(far, 1));
  CHECK(parent.space.statistics().faults.tables_shared == 0);
  Process<TestType> child(world);
  REQUIRE(parent.space.clone_into(child.space).ok());
  CHECK(parent.space.statistics().faults.tables_shared == 2);
  CHECK(child.space.statistics().faults.tables_shared == 0);
  // Three tables lead to the page; copying the upper two shares what is below them.
  REQUIRE(child.write(0x3000, 2));
  CHECK(child.space.statistics().faults.tables_shared == 2);
  CHECK(child.space.statistics().faults.tables_made_private == 3);
  REQUIRE(child.write(0x3001, 2));
  CHECK(child.space.statistics().faults.tables_made_private == 3);
  // The parent's are nobody else's any more: nothing is copied.
  REQUIRE(parent.write(0x3000, 3));
  CHECK(parent.space.statistics().faults.tables_made_private == 0);
  CHECK(parent.space.statistics().faults.tables_shared == 2);
}

TEMPLATE_TEST_CASE("a clone inherits as each mapping says", "", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> parent(world);
  REQUIRE(parent.map(0x100, 10).ok());
  for (uint64_t page = 0x100; page < 0x10a; ++page) REQUIRE(parent.write(page, page));
  REQUIRE(parent.space.advise(range(0x102, 2), vm::Advice::dont_fork).ok());
  REQUIRE(parent.space.advise(range(0x106, 2), vm::Advice::wipe_on_fork).ok());
  Process<TestType> child(world);
  REQUIRE(parent.space.clone_into(child.space).ok());
  child.space.check();
  parent.space.check();
  CHECK(child.read(0x101) == 0x101u);
  CHECK_FALSE(child.read(0x102).has_value());
  CHECK(child.read(0x106) == 0u);
  CHECK(child.read(0x108) == 0x108u);
  CHECK(parent.read(0x102) == 0x102u);
  CHECK(parent.read(0x106) == 0x106u);
}

TEMPLATE_TEST_CASE("advice about children is undone by its opposite alone", "", x86_64::Format,
                   aarch64::Format) {
  using vm::Advice;
  World<TestType> world;
  Process<TestType> parent(world);
  REQUIRE(parent.map(0x1000, 2).ok());
  REQUIRE(parent.write(0x1000, 7));
  const auto advise = [&](std::initializer_list<Advice> advices) {
    for (const Advice advice : advices) {
      REQUIRE(parent.space.advise(range(0x1000, 2), advice).ok());
    }
    return (*parent.space.mapping_at_or_after(Vpn(0x1000))).inherit();
  };
  CHECK(advise({Advice::dont_fork, Advice::wipe_on_fork}) == vm::Inherit::none);
  CHECK(advise({Advice::do_fork}) == vm::Inherit::wipe);
  CHECK(advise({Advice::dont_fork, Advice::keep_on_fork}) == vm::Inherit::none);
  CHECK(advise({Advice::do_fork}) == vm::Inherit::copy);
  CHECK(advise({Advice::wipe_on_fork, Advice::dont_fork}) == vm::Inherit::none);
  Process<TestType> child(world);
  REQUIRE(parent.space.clone_into(child.space).ok());
  CHECK_FALSE(child.read(0x1000).has_value());
}

TEMPLATE_TEST_CASE("what a move leaves behind is not locked any more", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 4).ok());
  REQUIRE(process.space.lock(range(0x1000, 4), vm::Locking::all).ok());
  vm::SpaceLimits limits;
  limits.locked = PageCount(4);
  process.space.set_limits(limits);
  vm::RemapRequest request;
  request.source = range(0x1001, 2);
  request.new_count = PageCount(2);
  request.move = vm::RemapRequest::Move::fixed;
  request.target = Vpn(0x5000);
  request.source_becomes = vm::RemapRequest::Source::leave;
  REQUIRE(process.space.remap(request).ok());
  process.space.check();
  CHECK(process.space.statistics().locked == PageCount(4));
  CHECK(process.space.advise(range(0x1001, 2), vm::Advice::dont_need).ok());
  CHECK(process.space.advise(range(0x5000, 2), vm::Advice::dont_need).error() ==
        base::Error::invalid_argument);
}

TEMPLATE_TEST_CASE("locking what cannot be brought in locks it and says so", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 2, Access::none()).ok());
  CHECK(process.space.lock(range(0x1000, 2), vm::Locking::all).error() ==
        base::Error::out_of_memory);
  CHECK(process.space.statistics().locked == PageCount(2));
}

TEMPLATE_TEST_CASE("locking what comes later leaves what is there alone", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 2).ok());
  process.space.lock_later(vm::Locking::on_fault);
  CHECK(process.space.locked() == PageCount(0));
  REQUIRE(process.map(0x2000, 3).ok());
  CHECK(process.space.locked() == PageCount(3));
  process.space.lock_later(vm::Locking::none);
  REQUIRE(process.map(0x3000, 1).ok());
  CHECK(process.space.locked() == PageCount(3));
  process.space.check();
}

TEMPLATE_TEST_CASE("remap moves contents and grows in place when it can", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 4).ok());
  for (uint64_t page = 0; page < 4; ++page) REQUIRE(process.write(0x1000 + page, page + 1));
  vm::RemapRequest request;
  request.source = range(0x1000, 4);
  request.new_count = PageCount(6);
  base::Result<VpnRange> result = process.space.remap(request);
  REQUIRE(result.ok());
  CHECK(result.value() == range(0x1000, 6));
  REQUIRE(process.map(0x1006, 1, Right::read).ok());
  request.source = range(0x1000, 6);
  request.new_count = PageCount(8);
  CHECK(process.space.remap(request).error() == base::Error::no_address_range);
  request.move = vm::RemapRequest::Move::may;
  result = process.space.remap(request);
  REQUIRE(result.ok());
  const uint64_t at = result.value().first().raw();
  CHECK_FALSE(process.read(0x1000).has_value());
  for (uint64_t page = 0; page < 4; ++page) CHECK(process.read(at + page) == page + 1);
  CHECK(process.read(at + 7) == 0u);
  process.space.check();
  request.source = range(at, 8);
  request.new_count = PageCount(3);
  request.move = vm::RemapRequest::Move::fixed;
  request.target = Vpn(0x5000);
  result = process.space.remap(request);
  REQUIRE(result.ok());
  process.space.check();
  for (uint64_t page = 0; page < 3; ++page) CHECK(process.read(0x5000 + page) == page + 1);
  CHECK_FALSE(process.read(0x5003).has_value());
  CHECK_FALSE(process.read(at).has_value());
}

TEMPLATE_TEST_CASE("a stack grows down to its limit and keeps its guard gap", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  vm::SpaceOptions options;
  options.limits.stack = PageCount(100);
  options.stack_guard = PageCount(16);
  Process<TestType> process(world, options);
  vm::MapRequest request;
  request.count = PageCount(4);
  request.access = Right::read | Right::write;
  request.growth = vm::MapRequest::Growth::down;
  request.placement = vm::Placement::fixed_at(Vpn(0x8000));
  REQUIRE(process.space.map(request).ok());
  CHECK(process.write(0x7ff0, 1));
  CHECK(process.space.mapping_at_or_after(Vpn(0))->range() == range(0x7ff0, 0x14));
  CHECK_FALSE(process.write(0x8004 - 101, 1));
  CHECK(process.write(0x8004 - 100, 1));
  process.space.check();
  REQUIRE(process.space.unmap(range(0x7000, 0x2000)).ok());
  REQUIRE(process.space.map(request).ok());
  REQUIRE(process.map(0x7fe0, 4).ok());
  CHECK(process.write(0x7ff4, 1));
  CHECK_FALSE(process.write(0x7ff3, 1));
  process.space.check();
}

TEMPLATE_TEST_CASE("dropped contents read as zeros", "", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 8).ok());
  for (uint64_t page = 0x1000; page < 0x1008; ++page) REQUIRE(process.write(page, page));
  REQUIRE(process.space.advise(range(0x1002, 2), vm::Advice::dont_need).ok());
  process.space.check();
  CHECK(process.read(0x1001) == 0x1001u);
  CHECK(process.read(0x1002) == 0u);
  CHECK(process.read(0x1004) == 0x1004u);
  REQUIRE(process.space.lock(range(0x1004, 2), vm::Locking::all).ok());
  CHECK(process.space.advise(range(0x1004, 1), vm::Advice::dont_need).error() ==
        base::Error::invalid_argument);
  CHECK(process.space.advise(range(0x1007, 4), vm::Advice::dont_need).error() ==
        base::Error::not_mapped);
  CHECK(process.read(0x1007) == 0u);
  process.space.check();
}

TEMPLATE_TEST_CASE("large leaves serve aligned memory and split on partial change", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(8192);
  Process<TestType> process(world);
  REQUIRE(process.map(0x10000, 2048).ok());
  REQUIRE(process.space.advise(range(0x10000, 2048), vm::Advice::huge_pages).ok());
  REQUIRE(process.write(0x10203, 5));
  CHECK(process.space.statistics().faults.huge == 1);
  CHECK(process.space.statistics().resident == PageCount(512));
  process.space.check();
  REQUIRE(process.space.protect(range(0x10205, 1), Right::read).ok());
  process.space.check();
  CHECK(process.read(0x10203) == 5u);
  CHECK(process.write(0x10204, 6));
  CHECK_FALSE(process.write(0x10205, 6));
  REQUIRE(process.write(0x10400, 1));
  REQUIRE(process.space.unmap(range(0x10410, 8)).ok());
  process.space.check();
  Process<TestType> child(world);
  REQUIRE(process.write(0x10600, 2));
  REQUIRE(process.space.clone_into(child.space).ok());
  CHECK(child.write(0x10600, 3));
  CHECK(process.read(0x10600) == 2u);
  CHECK(process.write(0x10601, 4));
  child.space.check();
  process.space.check();
}

// Mappings that differ in what a clone inherits share leaves; rights change for all at once.
TEMPLATE_TEST_CASE("protect over large leaves that several mappings share", "", x86_64::Format,
                   aarch64::Format) {
  constexpr unsigned leaves = 8;
  for (const bool batch : {false, true}) {
    World<TestType> world(8192);
    Process<TestType> process(world);
    const VpnRange whole = range(0x10000, 512 * leaves);
    REQUIRE(process.map(0x10000, 512 * leaves).ok());
    REQUIRE(process.space.advise(whole, vm::Advice::huge_pages).ok());
    for (unsigned i = 0; i < leaves; ++i) REQUIRE(process.write(0x10000 + 512 * i, i));
    REQUIRE(process.space.statistics().faults.huge == leaves);
    for (unsigned i = 0; i < leaves; ++i) {
      REQUIRE(process.space.advise(range(0x10000 + 512 * i + 200, 1), vm::Advice::dont_fork).ok());
    }
    if (batch) {
      vm::SpaceChange change;
      change.kind = vm::SpaceChange::Kind::protect;
      change.range = whole;
      change.access = Right::read;
      REQUIRE(process.space.apply(base::Span<vm::SpaceChange>(&change, 1), nullptr).status.ok());
    } else {
      REQUIRE(process.space.protect(whole, Right::read).ok());
    }
    process.space.check();
    for (unsigned i = 0; i < leaves; ++i) {
      CHECK(process.read(0x10000 + 512 * i) == i);
      CHECK_FALSE(process.write(0x10000 + 512 * i + 200, 6));
    }
    CHECK(process.space.statistics().resident == PageCount(512 * leaves));
  }
}
