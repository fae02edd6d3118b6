// Tables whose entries differ from their neighbours: protect() and copies.
#include <array>
#include <random>

#include "unit/table/world.h"

using namespace table_test;

namespace {

// What protect() shall make of one entry, worked out by itself.
template <class F>
vm::Entry protected_entry(World<F>& world, vm::Entry entry, Access access) {
  if (entry.kind != vm::EntryKind::leaf) return entry;
  access = F::granted(access, world.computer.features());
  if (has_flag(entry, vm::LeafFlag::lent)) {
    access = access.intersect(entry.access);
  } else if (!has_flag(entry, vm::LeafFlag::shared)) {
    const vm::FrameRecord* page = world.system->counted(entry.frame);
    if (page == nullptr || !page->is_exclusive() || page->state() != vm::FrameState::private_page) {
      access = access.without(Right::write);
    }
  }
  entry.access = access;
  return entry;
}

// Entries of which some are like the one before, all others unlike it in one way or another.
template <class F>
std::vector<vm::Entry> mixed_entries(World<F>& world, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<vm::Entry> entries;
  vm::Entry last;
  for (unsigned i = 0; i < vm::entries_per_table; ++i) {
    const unsigned choice = random() % 16;
    if (choice == 0) {
      entries.emplace_back();
      continue;
    }
    if (choice == 1) {
      entries.push_back(vm::Entry::software_of((1ULL << F::payload_bits) - 1 - i));
      continue;
    }
    if (choice == 2 && last.kind == vm::EntryKind::leaf) {  // the page once more
      REQUIRE(world.system->counted(last.frame)->add_references().ok());
      entries.push_back(last);
      continue;
    }
    const Pfn frame = world.frames.allocate(vm::Contents::zero).value();
    if (choice < 8 || last.kind != vm::EntryKind::leaf) {
      const std::array<Access, 4> rights = {user_r, user_rw, Access(Right::user),
                                            user_rw | Right::execute};
      last = vm::Entry::leaf_of(frame, F::granted(rights[random() % 4], world.computer.features()));
      last.accessed = random() % 2 != 0;
      last.dirty = random() % 2 != 0;
      last.software = random() % 2 != 0
                          ? 0
                          : uint8_t(random() % 2 != 0 ? vm::LeafFlag::shared : vm::LeafFlag::lent);
    }
    last.frame = frame;
    // A page of this space's own, or another's as well.
    const bool is_object_page = last.software != 0 || random() % 4 == 0;
    world.system->records().of(frame).set_state(is_object_page ? vm::FrameState::object_page
                                                               : vm::FrameState::private_page);
    if (last.software == 0 && is_object_page) last.access = last.access.without(Right::write);
    entries.push_back(last);
  }
  return entries;
}

// The machine walks ahead of its own accord.
bool is_still(const vm::Entry& entry, vm::Entry expected) {
  expected.accessed |= expected.kind == vm::EntryKind::leaf && entry.accessed;
  return entry == expected;
}

// Fills the table of which `page` is the first.
template <class F>
void install_mixed(World<F>& world, typename World<F>::Space& space, Vpn page, unsigned seed) {
  typename World<F>::Batch batch = space.table.batch();
  const auto install = [&](auto& table) -> base::Status {
    Vpn at = page;
    for (const vm::Entry& entry : mixed_entries(world, seed)) {
      if (entry.kind != vm::EntryKind::absent) table.install(at, entry);
      at += PageCount(1);
    }
    return {};
  };
  REQUIRE(space.table.with_private_table(page, 1, batch, install).ok());
  batch.settle();
}

}  // namespace

TEMPLATE_TEST_CASE("protect makes of each entry of a mixed table what it would make of it alone",
                   "[table]", x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  const unsigned seed = GENERATE(1, 2, 3, 4);
  const Access steps[] = {user_r, user_rw, Right::user, user_rw | Right::execute, user_r};
  INFO("seed " << seed);
  const VpnRange all = VpnRange::of(Vpn(512), PageCount(512));
  install_mixed(world, *space, all.first(), seed);
  for (const Access access : steps) {
    for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
      (void)world.can_read(*space, page, 1);
      if (page.raw() % 3 == 0) (void)world.can_write(*space, page, 0);
    }
    std::vector<vm::Entry> expected;
    for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
      expected.push_back(protected_entry(world, space->table.lookup(page).entry, access));
    }
    REQUIRE(world.protect(*space, all, access).ok());
    for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
      const vm::Entry& want = expected[(page - all.first()).raw()];
      INFO("page " << page.raw());
      REQUIRE(is_still(space->table.lookup(page).entry, want));
      REQUIRE(world.can_read(*space, page, 1) == want.access.can_read());
      if (!want.access.can_write()) REQUIRE_FALSE(world.can_write(*space, page, 0));
    }
  }
  space->table.check();
  world.leave_all();
}

TEMPLATE_TEST_CASE("protect finds larger leaves between tables", "[table]", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  auto space = world.space();
  typename World<TestType>::Batch batch = space->table.batch();
  const auto map_large = [&](uint64_t number, Access access, bool dirty) {
    const Pfn block = world.frames.allocate_block({.order = 9}).value();
    world.system->records().of(block).set_state(vm::FrameState::private_page);
    const Vpn page(512 * number);
    vm::Entry leaf =
        vm::Entry::leaf_of(block, TestType::granted(access, world.computer.features()));
    leaf.accessed = leaf.dirty = dirty;
    const auto install = [&](auto& table) -> base::Status {
      table.install(page, leaf);
      return {};
    };
    REQUIRE(space->table.with_private_table(page, 2, batch, install).ok());
  };
  map_large(1, user_rw, true);
  map_large(2, user_rw, false);
  world.write(*space, Vpn(512 * 3 + 7), 1);
  world.write(*space, Vpn(512 * 3 + 9), 1, 1);
  map_large(5, user_r, true);
  world.write(*space, Vpn(512 * 6), 1);
  batch.settle();
  const VpnRange all(Vpn(512), Vpn(512 * 7));
  const uint64_t pages[] = {512, 512 * 2 + 3, 512 * 3 + 7, 512 * 3 + 9, 512 * 5 + 1, 512 * 6};
  const uint64_t missing = 512 * 4;
  for (const Access access : {user_r, user_rw, Access(Right::user), user_rw}) {
    std::vector<vm::Entry> expected;
    for (const uint64_t page : pages) {
      (void)world.can_read(*space, Vpn(page), 1);
      expected.push_back(protected_entry(world, space->table.lookup(Vpn(page)).entry, access));
    }
    REQUIRE(world.protect(*space, all, access).ok());
    world.audit({space.get()});
    size_t i = 0;
    for (const uint64_t page : pages) {
      INFO("page " << page);
      CHECK(space->table.lookup(Vpn(page)).entry == expected[i++]);
      CHECK(world.can_read(*space, Vpn(page), 1) == access.can_read());
      CHECK(world.can_write(*space, Vpn(page), 0) == access.can_write());
    }
    CHECK(space->table.lookup(Vpn(missing)).entry.kind == vm::EntryKind::absent);
    CHECK(space->table.lookup(Vpn(512)).level == 2);
  }
  world.leave_all();
}

TEMPLATE_TEST_CASE("the copy of a mixed table has each entry without its write right", "[table]",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  auto parent = world.space();
  const unsigned seed = GENERATE(1, 2, 3, 4);
  const bool with_pin = GENERATE(false, true);
  INFO("seed " << seed << ", pinned " << with_pin);
  const VpnRange all = VpnRange::of(Vpn(512), PageCount(512));
  install_mixed(world, *parent, all.first(), seed);
  Vpn absent = all.first();
  while (parent->table.lookup(absent).entry.kind != vm::EntryKind::absent) absent += PageCount(1);
  if (with_pin) {
    world.write(*parent, absent, 1);
    typename World<TestType>::Batch batch = parent->table.batch();
    REQUIRE(parent->table.pin(absent, batch).ok());
    batch.settle();
  }
  for (Vpn page = all.first(); page < all.end(); page += PageCount(5)) {
    (void)world.can_write(*parent, page, 1);
  }
  std::vector<vm::Entry> before;
  for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
    before.push_back(parent->table.lookup(page).entry);
  }
  auto child = world.clone(*parent);
  if (!with_pin) world.write(*child, absent, 2);  // copies the table
  world.audit({parent.get(), child.get()});
  for (Vpn page = all.first(); page < all.end(); page += PageCount(1)) {
    if (page == absent) continue;
    INFO("page " << page.raw());
    vm::Entry want = before[(page - all.first()).raw()];
    if (want.kind == vm::EntryKind::leaf && !has_flag(want, vm::LeafFlag::shared)) {
      want.access = want.access.without(Right::write);
    }
    REQUIRE(is_still(parent->table.lookup(page).entry, want));
    REQUIRE(is_still(child->table.lookup(page).entry, want));
    if (!want.access.can_write()) REQUIRE_FALSE(world.can_write(*parent, page, 1));
  }
  world.leave_all();
}
