// Copy-on-write tables on the adversarial machine.
#include "unit/table/world.h"

using namespace table_test;

TEMPLATE_TEST_CASE("a clone has the same contents and goes its own way", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  const uint64_t pages[] = {1, 2, 700, 512 * 512 + 3, 512 * 512 * 512 + 9};
  for (uint64_t page : pages) world.write(*parent, Vpn(page), uint8_t(page % 100 + 1));
  // Another CPU runs the parent and has everything cached, writable.
  for (uint64_t page : pages) world.write(*parent, Vpn(page), uint8_t(page % 100 + 1), 1);
  auto child = world.clone(*parent);
  world.audit({parent.get(), child.get()});
  for (uint64_t page : pages) {
    CHECK_FALSE(world.can_write(*parent, Vpn(page), 1));
    CHECK(world.read(*child, Vpn(page)) == page % 100 + 1);
  }
  for (uint64_t page : pages) {
    world.write(*parent, Vpn(page), 200, 1);
    world.audit({parent.get(), child.get()});
    CHECK(world.read(*child, Vpn(page)) == page % 100 + 1);
    world.write(*child, Vpn(page), 201);
    world.audit({parent.get(), child.get()});
    CHECK(world.read(*parent, Vpn(page), 1) == 200);
    CHECK(world.read(*child, Vpn(page)) == 201);
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("a clone allocates one table whatever is resident", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  for (uint64_t page = 0; page < 1500; ++page) world.write(*parent, Vpn(page), 1);
  const uint64_t before = world.in_use();
  auto child = world.clone(*parent);
  CHECK(world.in_use() == before + 1);
  child.reset();
  CHECK(world.in_use() == before);
  world.audit({parent.get()});
  world.write(*parent, Vpn(0), 9);
  CHECK(world.in_use() == before);
  world.leave_all();
}

TEMPLATE_TEST_CASE("generations of clones die in any order", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  const int order = GENERATE(0, 1, 2, 3, 4, 5);
  auto a = world.space();
  for (uint64_t page : {3, 4, 600}) world.write(*a, Vpn(page), 10);
  auto b = world.clone(*a);
  world.write(*b, Vpn(3), 11);
  auto c = world.clone(*b);
  world.write(*c, Vpn(600), 12);
  world.write(*a, Vpn(4), 13);
  world.audit({a.get(), b.get(), c.get()});
  world.leave_all();
  std::unique_ptr<typename World<TestType>::Space>* spaces[] = {&a, &b, &c};
  const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  const uint8_t expected[3][3] = {{10, 13, 10}, {11, 10, 10}, {11, 10, 12}};
  for (int i = 0; i < 3; ++i) {
    for (int j = i; j < 3; ++j) {
      const int who = orders[order][j];
      int which = 0;
      for (uint64_t page : {3, 4, 600}) {
        CHECK(world.read(**spaces[who], Vpn(page)) == expected[who][which++]);
      }
    }
    world.leave_all();
    spaces[orders[order][i]]->reset();
  }
}

TEMPLATE_TEST_CASE("removing part of a shared table does not reach the other space", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  for (uint64_t page = 0; page < 1200; page += 7) world.write(*parent, Vpn(page), uint8_t(page));
  auto child = world.clone(*parent);
  auto& loser = GENERATE(true, false) ? *parent : *child;
  auto& other = &loser == parent.get() ? *child : *parent;
  REQUIRE(world.remove(loser, VpnRange::of(Vpn(100), PageCount(900))).ok());
  world.audit({parent.get(), child.get()});
  for (uint64_t page = 0; page < 1200; page += 7) {
    CHECK(world.can_read(loser, Vpn(page)) == (page < 100 || page >= 1000));
    CHECK(world.read(other, Vpn(page), 1) == uint8_t(page));
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("dropping a whole shared subtree changes one count", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  for (uint64_t page = 0; page < 1024; ++page) world.write(*parent, Vpn(page), 5);
  auto child = world.clone(*parent);
  const uint64_t before = world.in_use();
  REQUIRE(world.remove(*child, VpnRange(Vpn(0), Vpn(512 * 512 * 512))).ok());
  CHECK(world.in_use() == before);
  world.audit({parent.get(), child.get()});
  CHECK(world.read(*parent, Vpn(1023)) == 5);
  CHECK(world.read(*child, Vpn(1023)) == 0);
  world.leave_all();
}

TEMPLATE_TEST_CASE("a shared mapping's leaf stays writable in every clone", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  const Pfn frame = world.frames.allocate(vm::Contents::zero).value();
  world.system->records().of(frame).set_state(vm::FrameState::object_page);
  typename World<TestType>::Batch batch = parent->table.batch();
  REQUIRE(parent->table
              .with_private_table(Vpn(8), 1, batch,
                                  [&](auto& table) -> base::Status {
                                    vm::Entry leaf = vm::Entry::leaf_of(frame, user_rw);
                                    leaf.software = uint8_t(vm::LeafFlag::shared);
                                    leaf.accessed = leaf.dirty = true;
                                    table.install(Vpn(8), leaf);
                                    return {};
                                  })
              .ok());
  batch.settle();
  world.write(*parent, Vpn(9), 1);
  auto child = world.clone(*parent);
  // Opening the path in either space brings the write right of the shared leaf back.
  world.write(*parent, Vpn(9), 2);
  world.write(*child, Vpn(9), 3);
  world.write(*parent, Vpn(8), 76);
  CHECK(world.read(*child, Vpn(8), 1) == 76);
  world.write(*child, Vpn(8), 77);
  CHECK(world.read(*parent, Vpn(8), 1) == 77);
  world.audit({parent.get(), child.get()});
  int dropped = 0;
  world.system->hooks().context = &dropped;
  world.system->hooks().object_page_dropped = [](void* context, Pfn, bool dirty) {
    *static_cast<int*>(context) += dirty ? 1 : 100;
  };
  world.leave_all();
  child.reset();
  parent.reset();
  CHECK(dropped == 2);
}

TEMPLATE_TEST_CASE("a pinned page is copied for the child at once and stays the parent's",
                   "[table]", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  world.write(*parent, Vpn(30), 1);
  world.write(*parent, Vpn(31), 2);
  typename World<TestType>::Batch batch = parent->table.batch();
  REQUIRE(parent->table.pin(Vpn(30), batch).ok());
  batch.settle();
  const Pfn frame = parent->table.lookup(Vpn(30)).entry.frame;
  auto child = world.clone(*parent);
  world.audit({parent.get(), child.get()});
  CHECK(child->table.lookup(Vpn(30)).entry.frame != frame);
  CHECK(child->table.lookup(Vpn(31)).entry.frame == parent->table.lookup(Vpn(31)).entry.frame);
  world.write(*parent, Vpn(30), 9);
  CHECK(parent->table.lookup(Vpn(30)).entry.frame == frame);
  CHECK(world.read(*child, Vpn(30), 1) == 1);
  world.write(*child, Vpn(31), 8, 1);
  CHECK(world.read(*parent, Vpn(31)) == 2);
  world.audit({parent.get(), child.get()});
  parent->table.unpin(Vpn(30), batch);
  batch.settle();
  auto second = world.clone(*parent);
  CHECK(second->table.lookup(Vpn(30)).entry.frame == frame);
  world.audit({parent.get(), child.get(), second.get()});
  world.leave_all();
}

TEMPLATE_TEST_CASE("every allocation of a clone, a write and a removal may fail", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  for (uint64_t page : {1, 2, 600, 262144}) world.write(*parent, Vpn(page), uint8_t(page % 91));
  typename World<TestType>::Batch batch = parent->table.batch();
  REQUIRE(parent->table.pin(Vpn(600), batch).ok());
  batch.settle();
  for (uint64_t nth = 0;; ++nth) {
    INFO("failing allocation " << nth);
    typename World<TestType>::Space child(world);
    world.computer.ram().clear_failure();
    world.computer.ram().fail_after(nth);
    bool done = child.table.create().ok();
    if (done) {
      done = parent->table.clone_to(child.table, batch).ok();
      batch.settle();
      if (!done) CHECK(child.table.resident(TestType::user_pages({})).is_zero());
    }
    if (done) {
      done = world.fault(child, Vpn(2), sim::Use::write).ok() &&
             world.remove(*parent, VpnRange::of(Vpn(2), PageCount(700))).ok();
    }
    world.computer.ram().fail_after(sim::Ram::never);
    for (uint64_t page : {1, 2, 600, 262144}) {
      if (done && page != 1 && page != 262144) continue;
      CHECK(world.read(*parent, Vpn(page)) == page % 91);
    }
    std::vector<typename World<TestType>::Space*> spaces = {parent.get()};
    if (child.table.root() != Pfn(0)) spaces.push_back(&child);
    world.audit(spaces);
    world.leave_all();
    if (!world.computer.ram().failure_fired()) break;
    REQUIRE(nth < 100);
  }
}
