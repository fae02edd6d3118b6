// Page tables on the adversarial machine: filling, removing, protecting.
#include "unit/table/world.h"

using namespace table_test;

TEMPLATE_TEST_CASE("pages filled by faults keep their contents and are freed on removal", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  const std::vector<Vpn> pages = {Vpn(0x10), Vpn(0x11), Vpn(0x200), Vpn(0x40000),
                                  TestType::user_pages(world.computer.features()).last()};
  uint8_t value = 1;
  for (Vpn page : pages) world.write(*space, page, value++);
  value = 1;
  for (Vpn page : pages) CHECK(world.read(*space, page, 1) == value++);
  world.audit({space.get()});
  for (Vpn page : pages) {
    REQUIRE(world.remove(*space, VpnRange::single(page)).ok());
    CHECK_FALSE(world.can_read(*space, page, 0));
    CHECK_FALSE(world.can_read(*space, page, 1));
    world.audit({space.get()});
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("five levels fill and remove as four do", "[table]", x86_64::Format,
                   aarch64::Format) {
  sim::Options options = default_options();
  options.features.levels = 5;
  options.features.physical_bits = 52;
  World<TestType> world(options);
  auto space = world.space();
  const Vpn high = TestType::user_pages(options.features).last();
  world.write(*space, high, 7);
  auto child = world.clone(*space);
  world.write(*child, high, 8);
  CHECK(world.read(*space, high) == 7);
  CHECK(world.read(*child, high) == 8);
  world.audit({space.get(), child.get()});
  world.leave_all();
}

TEMPLATE_TEST_CASE("removing a range leaves its neighbours alone at every alignment", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  const uint64_t first = GENERATE(0, 1, 511, 512, 513);
  const uint64_t count = GENERATE(1, 2, 511, 512, 1024, 1030);
  auto space = world.space();
  const uint64_t candidates[] = {0,   1,    2,    510,  511,  512,  513,
                                 514, 1023, 1024, 1025, 1535, 1536, 2047};
  for (uint64_t page : candidates) world.write(*space, Vpn(page), uint8_t(page + 1));
  REQUIRE(world.remove(*space, VpnRange::of(Vpn(first), PageCount(count))).ok());
  world.audit({space.get()});
  for (uint64_t page : candidates) {
    const bool inside = page >= first && page < first + count;
    INFO("page " << page << " first " << first << " count " << count);
    CHECK(world.can_read(*space, Vpn(page), page % 2) == !inside);
    CHECK(world.read(*space, Vpn(page)) == (inside ? 0 : uint8_t(page + 1)));
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("protect takes and gives rights on every CPU", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  const VpnRange range = VpnRange::of(Vpn(500), PageCount(40));
  for (Vpn page = range.first(); page < range.end(); page += PageCount(1)) {
    world.write(*space, page, 1, page.raw() % 2);
  }
  REQUIRE(world.protect(*space, VpnRange::of(Vpn(505), PageCount(20)), user_r).ok());
  world.audit({space.get()});
  for (Vpn page = range.first(); page < range.end(); page += PageCount(1)) {
    const bool inside = page >= Vpn(505) && page < Vpn(525);
    CHECK(world.can_write(*space, page, 0) == !inside);
    CHECK(world.can_write(*space, page, 1) == !inside);
    CHECK(world.can_read(*space, page, 1));
  }
  REQUIRE(world.protect(*space, range, Right::user).ok());
  CHECK_FALSE(world.can_read(*space, Vpn(500), 0));
  CHECK_FALSE(world.can_read(*space, Vpn(510), 1));
  world.audit({space.get()});
  REQUIRE(world.protect(*space, range, user_rw).ok());
  CHECK(world.can_write(*space, Vpn(500), 0));
  CHECK(world.can_write(*space, Vpn(510), 1));
  world.leave_all();
}

TEMPLATE_TEST_CASE("trim frees empty tables inside the hole and no others", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  const uint64_t empty = world.in_use();
  world.write(*space, Vpn(5), 1);
  world.write(*space, Vpn(512 * 512 * 3), 1);
  REQUIRE(world.remove(*space, VpnRange::single(Vpn(5))).ok());
  REQUIRE(world.remove(*space, VpnRange::single(Vpn(512 * 512 * 3))).ok());
  CHECK(world.in_use() == empty + 5);
  typename World<TestType>::Batch batch = space->table.batch();
  space->table.trim(VpnRange(Vpn(512 * 512), Vpn(512 * 512 * 512)),
                    VpnRange(Vpn(512 * 512), Vpn(512 * 512 * 512)), batch);
  batch.settle();
  CHECK(world.in_use() == empty + 3);
  world.audit({space.get()});
  space->table.trim(TestType::user_pages(world.computer.features()),
                    TestType::user_pages(world.computer.features()), batch);
  batch.settle();
  CHECK(world.in_use() == empty);
  world.write(*space, Vpn(5), 2);
  CHECK(world.read(*space, Vpn(5), 1) == 2);
  world.leave_all();
}

TEMPLATE_TEST_CASE("whoever gives the last reference to a page back frees it", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  const Pfn page = world.frames.allocate(vm::Contents::zero).value();
  vm::FrameRecord& record = world.system->records().of(page);
  record.set_state(vm::FrameState::object_page);
  REQUIRE(record.add_references().ok());
  world.system->drop_frame(page);
  CHECK(world.in_use() == world.at_start + 1);
  world.system->drop_frame(page);
  CHECK(world.in_use() == world.at_start);
}

// More shared pages than a batch has room for: those that it gives back before the end have been
// forgotten by then. Each frame is named by two entries of the range, so that nobody else keeps it.
TEMPLATE_TEST_CASE("a batch that is full forgets before it gives back", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  constexpr uint64_t count = 60;
  {
    auto batch = space->table.batch();
    Pfn frame;
    for (uint64_t page = 0; page < count; ++page) {
      if (page % 2 == 0) {
        frame = world.frames.allocate(vm::Contents::zero).value();
        world.system->records().of(frame).set_state(vm::FrameState::private_page);
      } else {
        REQUIRE(world.system->records().of(frame).add_references().ok());
      }
      vm::Entry leaf = vm::Entry::leaf_of(frame, user_r);
      leaf.accessed = true;
      REQUIRE(space->table
                  .with_private_table(Vpn(page), 1, batch,
                                      [&](vm::LockedTable<sim::Machine<TestType>>& table) {
                                        table.install(Vpn(page), leaf);
                                        return base::Status();
                                      })
                  .ok());
    }
    batch.settle();
  }
  for (uint64_t page = 0; page < count; ++page) CHECK(world.can_read(*space, Vpn(page), 1));
  REQUIRE(world.remove(*space, VpnRange::of(Vpn(0), PageCount(count))).ok());
  for (uint64_t page = 0; page < count; ++page) CHECK_FALSE(world.can_read(*space, Vpn(page), 1));
  world.audit({space.get()});
  world.leave_all();
}

TEMPLATE_TEST_CASE("a table that was emptied serves those who ask for zeros", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  const uint64_t empty = world.in_use();
  const VpnRange all = VpnRange::of(Vpn(512), PageCount(512));
  for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
    world.write(*space, page, uint8_t(page.raw()));
  }
  const uint64_t zeroed = world.frames.statistics().zeroed.raw();
  // In parts: a table that goes as a whole is not emptied.
  REQUIRE(world.remove(*space, VpnRange(all.first(), Vpn(700))).ok());
  REQUIRE(world.remove(*space, VpnRange(Vpn(700), all.end())).ok());
  typename World<TestType>::Batch batch = space->table.batch();
  const VpnRange everything = TestType::user_pages(world.computer.features());
  space->table.trim(everything, everything, batch);
  batch.settle();
  CHECK(world.in_use() == empty);
  CHECK(world.frames.statistics().zeroed.raw() == zeroed + 3);
  std::vector<Pfn> taken;
  for (unsigned i = 0; i < 3; ++i) {
    taken.push_back(world.frames.allocate(vm::Contents::zero).value());
    const uint64_t* words = world.system->words(taken.back());
    for (unsigned word = 0; word < vm::entries_per_table; ++word) REQUIRE(words[word] == 0);
  }
  CHECK(world.frames.statistics().zeroed.raw() == zeroed);
  for (const Pfn frame : taken) world.frames.drop(frame);
  world.frames.check();
  world.leave_all();
}
