// Leaves of several sizes, moves, software entries, harvesting.
#include "unit/table/world.h"

using namespace table_test;

namespace {

// Puts a leaf of 2 MiB at `page`, filled with `value`.
template <class F>
void map_large(World<F>& world, typename World<F>::Space& space, Vpn page, uint8_t value) {
  const Pfn block = world.frames.allocate_block({.order = 9}).value();
  world.system->records().of(block).set_state(vm::FrameState::private_page);
  memset(world.host.window(block), value, 512 * 4096);
  typename World<F>::Batch batch = space.table.batch();
  const base::Status status =
      space.table.with_private_table(page, 2, batch, [&](auto& table) -> base::Status {
        vm::Entry leaf = vm::Entry::leaf_of(block, user_rw);
        leaf.accessed = leaf.dirty = true;
        table.install(page, leaf);
        return {};
      });
  REQUIRE(status.ok());
  batch.settle();
}

}  // namespace

TEMPLATE_TEST_CASE("a large leaf splits where a change cuts it and keeps its contents", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  map_large(world, *space, Vpn(512), 5);
  for (uint32_t cpu : {0u, 1u}) CHECK(world.read(*space, Vpn(700), cpu) == 5);
  CHECK(space->table.lookup(Vpn(700)).level == 2);
  world.audit({space.get()});

  SECTION("unmap of the middle") {
    REQUIRE(world.remove(*space, VpnRange::of(Vpn(600), PageCount(10))).ok());
    world.audit({space.get()});
    for (uint64_t page : {512, 599, 610, 1023}) CHECK(world.read(*space, Vpn(page), 1) == 5);
    for (uint64_t page : {600, 609}) CHECK_FALSE(world.can_read(*space, Vpn(page), 0));
    CHECK(space->table.resident(VpnRange(Vpn(0), Vpn(2048))) == PageCount(502));
  }
  SECTION("protection of the middle") {
    REQUIRE(world.protect(*space, VpnRange::of(Vpn(600), PageCount(10)), user_r).ok());
    world.audit({space.get()});
    CHECK_FALSE(world.can_write(*space, Vpn(605), 1));
    CHECK(world.can_write(*space, Vpn(599), 1));
  }
  SECTION("protection of all leaves it whole") {
    REQUIRE(world.protect(*space, VpnRange::of(Vpn(512), PageCount(512)), user_r).ok());
    CHECK(space->table.lookup(Vpn(700)).level == 2);
    CHECK_FALSE(world.can_write(*space, Vpn(605), 1));
  }
  SECTION("the frames of a split leaf are freed one by one") {
    typename World<TestType>::Batch batch = space->table.batch();
    REQUIRE(space->table.split(Vpn(512), batch).ok());
    batch.settle();
    const uint64_t before = world.in_use();
    REQUIRE(world.remove(*space, VpnRange::single(Vpn(800))).ok());
    CHECK(world.in_use() == before - 1);
  }
  SECTION("shared with a clone, each side keeps what it had") {
    auto child = world.clone(*space);
    world.audit({space.get(), child.get()});
    typename World<TestType>::Batch batch = child->table.batch();
    REQUIRE(child->table.split(Vpn(700), batch).ok());
    batch.settle();
    world.audit({space.get(), child.get()});
    world.write(*child, Vpn(700), 9);
    CHECK(world.read(*space, Vpn(700), 1) == 5);
    CHECK(world.read(*child, Vpn(701)) == 5);
    CHECK(world.read(*child, Vpn(700)) == 9);
    world.audit({space.get(), child.get()});
    world.leave_all();
    space.reset();
    CHECK(world.read(*child, Vpn(1000)) == 5);
    world.leave_all();
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("a full table of private pages collapses into one leaf", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  for (uint64_t page = 1024; page < 1536; ++page)
    world.write(*space, Vpn(page), uint8_t(page), page % 2);
  typename World<TestType>::Batch batch = space->table.batch();
  const Pfn block = world.frames.allocate_block({.order = 9}).value();

  SECTION("with all contents") {
    REQUIRE(space->table.collapse(Vpn(1024), block, batch).ok());
    batch.settle();
    world.audit({space.get()});
    CHECK(space->table.lookup(Vpn(1030)).level == 2);
    for (uint64_t page = 1024; page < 1536; ++page) {
      REQUIRE(world.read(*space, Vpn(page), 1) == uint8_t(page));
    }
    world.write(*space, Vpn(1100), 3, 1);
    CHECK(world.read(*space, Vpn(1100), 0) == 3);
  }
  SECTION("but not if a page is missing, pinned or shared") {
    std::unique_ptr<typename World<TestType>::Space> child;
    switch (GENERATE(0, 1, 2)) {
      case 0: REQUIRE(world.remove(*space, VpnRange::single(Vpn(1200))).ok()); break;
      case 1: REQUIRE(space->table.pin(Vpn(1200), batch).ok()); break;
      case 2: child = world.clone(*space); break;
    }
    CHECK(space->table.collapse(Vpn(1024), block, batch).error() == base::Error::busy);
    batch.settle();
    world.frames.drop(block);
    CHECK(space->table.lookup(Vpn(1030)).level == 1);
    CHECK(world.read(*space, Vpn(1030), 1) == uint8_t(1030));
    world.leave_all();
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("moved pages are found at the new place and only there", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  std::unique_ptr<typename World<TestType>::Space> other;
  const uint64_t from = 512 * 3 + GENERATE(0, 5);
  const uint64_t to = 512 * 700 + GENERATE(0, 5, 77);
  const uint64_t count = GENERATE(3, 512, 1030);
  const bool shared = GENERATE(false, true);
  for (uint64_t i = 0; i < count; i += i % 3 + 1) {
    world.write(*space, Vpn(from + i), uint8_t(i + 1), i % 2);
  }
  world.write(*space, Vpn(from - 1), 251);
  world.write(*space, Vpn(from + count), 252);
  // An empty table is left over at the target.
  world.write(*space, Vpn(to), 9);
  REQUIRE(world.remove(*space, VpnRange::single(Vpn(to))).ok());
  if (shared) other = world.clone(*space);
  REQUIRE(world.move(*space, VpnRange::of(Vpn(from), PageCount(count)), Vpn(to)).ok());
  std::vector<typename World<TestType>::Space*> spaces = {space.get()};
  if (shared) spaces.push_back(other.get());
  world.audit(spaces);
  for (uint64_t i = 0; i < count; ++i) {
    const bool there = space->table.lookup(Vpn(to + i)).entry.kind == vm::EntryKind::leaf;
    REQUIRE_FALSE(world.can_read(*space, Vpn(from + i), i % 2));
    if (there) REQUIRE(world.read(*space, Vpn(to + i), 1) == uint8_t(i + 1));
  }
  for (uint64_t i = 0; i < count; i += i % 3 + 1) {
    REQUIRE(world.can_read(*space, Vpn(to + i)));
    if (shared) REQUIRE(world.read(*other, Vpn(from + i)) == uint8_t(i + 1));
  }
  CHECK(world.read(*space, Vpn(from - 1), 1) == 251);
  CHECK(world.read(*space, Vpn(from + count), 1) == 252);
  world.leave_all();
}

TEMPLATE_TEST_CASE("a pinned page moves with its pins", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  world.write(*space, Vpn(515), 1);
  typename World<TestType>::Batch batch = space->table.batch();
  REQUIRE(space->table.pin(Vpn(515), batch).ok());
  batch.settle();
  const uint64_t to = GENERATE(512 * 9, 512 * 512 * 8, 512 * 9 + 4);
  REQUIRE(world.move(*space, VpnRange::of(Vpn(512), PageCount(512)), Vpn(to)).ok());
  world.audit({space.get()});
  CHECK(world.read(*space, Vpn(to + 3), 1) == 1);
  auto child = world.clone(*space);
  world.audit({space.get(), child.get()});
  REQUIRE(world.remove(*space, VpnRange::of(Vpn(to), PageCount(512))).ok());
  world.audit({space.get(), child.get()});
  world.leave_all();
}

TEMPLATE_TEST_CASE("a swap entry survives clone, protect and move, and is counted", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  int slots = 1;
  world.system->hooks().context = &slots;
  world.system->hooks().software_copied = [](void* context, uint64_t payload) -> base::Status {
    if (payload != 0x1234'5678'9abc) return base::Error::io;
    ++*static_cast<int*>(context);
    return {};
  };
  world.system->hooks().software_dropped = [](void* context, uint64_t payload) {
    *static_cast<int*>(context) -= payload == 0x1234'5678'9abc ? 1 : 1000;
  };
  world.write(*space, Vpn(40), 1);
  world.write(*space, Vpn(41), 2);
  typename World<TestType>::Batch batch = space->table.batch();
  const auto swap_out = [&](auto& table) -> base::Status {
    table.change(Vpn(40), batch,
                 [](const vm::Entry&) { return vm::Entry::software_of(0x1234'5678'9abc); });
    return {};
  };
  REQUIRE(space->table.with_private_table(Vpn(40), 1, batch, swap_out).ok());
  batch.settle();
  world.audit({space.get()});
  CHECK_FALSE(world.can_read(*space, Vpn(40), 1));
  const auto payload = [](auto& which, uint64_t page) {
    const vm::Entry entry = which.table.lookup(Vpn(page)).entry;
    return entry.kind == vm::EntryKind::software ? entry.payload : 0;
  };

  auto child = world.clone(*space);
  CHECK(slots == 1);  // the table is shared
  world.write(*child, Vpn(41), 3);
  CHECK(slots == 2);  // now there are two entries
  CHECK(payload(*child, 40) == 0x1234'5678'9abc);
  REQUIRE(world.protect(*child, VpnRange::of(Vpn(30), PageCount(20)), user_r).ok());
  CHECK(payload(*child, 40) == 0x1234'5678'9abc);
  REQUIRE(world.move(*child, VpnRange::of(Vpn(39), PageCount(3)), Vpn(5000)).ok());
  CHECK(payload(*child, 40) == 0);
  CHECK(payload(*child, 5001) == 0x1234'5678'9abc);
  CHECK(slots == 2);
  REQUIRE(world.move(*child, VpnRange::of(Vpn(4608), PageCount(512)), Vpn(512 * 20)).ok());
  CHECK(payload(*child, 512 * 20 + 5001 - 4608) == 0x1234'5678'9abc);
  REQUIRE(world.remove(*child, VpnRange(Vpn(0), Vpn(512 * 512))).ok());
  CHECK(slots == 1);
  CHECK(payload(*space, 40) == 0x1234'5678'9abc);
  // Back in: the payload is the caller's to deal with.
  world.write(*space, Vpn(40), 9);
  CHECK(world.read(*space, Vpn(40), 1) == 9);
  --slots;
  world.audit({space.get(), child.get()});
  world.leave_all();
  child.reset();
  space.reset();
  CHECK(slots == 0);
}

TEMPLATE_TEST_CASE("harvest returns and clears what the CPU noted", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  for (uint64_t page : {1, 2, 3}) world.write(*space, Vpn(page), 1, page % 2);
  const VpnRange all(Vpn(0), Vpn(512));
  typename World<TestType>::Batch batch = space->table.batch();
  const auto dirty = [&](vm::Harvest what) {
    std::vector<uint64_t> pages;
    space->table.harvest(all, what, batch, [&](const vm::Found& found) {
      if (found.entry.dirty) pages.push_back(found.first.raw());
    });
    batch.settle();
    return pages;
  };
  CHECK(dirty(vm::Harvest::clear_dirty) == std::vector<uint64_t>{1, 2, 3});
  CHECK(dirty(vm::Harvest::look).empty());
  world.write(*space, Vpn(2), 5, 1);
  world.write(*space, Vpn(2), 5, 0);
  CHECK(dirty(vm::Harvest::look) == std::vector<uint64_t>{2});
  world.audit({space.get()});
  world.leave_all();
}

TEMPLATE_TEST_CASE("a gigabyte of device memory is not counted and splits", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  typename World<TestType>::Batch batch = space->table.batch();
  const Vpn page(512 * 512 * 2);
  REQUIRE(space->table
              .with_private_table(page, 3, batch,
                                  [&](auto& table) -> base::Status {
                                    vm::Entry leaf =
                                        vm::Entry::leaf_of(Pfn(512 * 512 * 100), user_rw);
                                    leaf.memory_type = base::MemoryType::device;
                                    leaf.software = uint8_t(vm::LeafFlag::shared);
                                    leaf.accessed = leaf.dirty = true;
                                    table.install(page, leaf);
                                    return {};
                                  })
              .ok());
  batch.settle();
  world.audit({space.get()});
  auto child = world.clone(*space);
  REQUIRE(world.remove(*child, VpnRange::of(page + PageCount(5), PageCount(600))).ok());
  world.audit({space.get(), child.get()});
  CHECK(child->table.lookup(page + PageCount(4)).level == 1);
  CHECK(child->table.lookup(page + PageCount(5)).entry.kind == vm::EntryKind::absent);
  CHECK(child->table.lookup(page + PageCount(2000)).level == 2);
  CHECK(child->table.lookup(page + PageCount(2001)).frame_of(page + PageCount(2001)) ==
        Pfn(512 * 512 * 100 + 2001));
  CHECK(space->table.lookup(page + PageCount(5)).level == 3);
  CHECK(child->table.lookup(page + PageCount(4)).entry.memory_type == base::MemoryType::device);
  world.leave_all();
}
