// clone_tests.cpp: address spaces that share what they have not written: user copies into
// copy-on-write pages, on the real page tables. The runner audits frames around each test.
#include <cstring>

#include "kernel/memory/file_object.h"
#include "kernel/memory/shared_memory.h"
#include "test/ktest/ktest.h"
#include "test/ktest/user_memory.h"
#include "usercopy/user_memory.h"

namespace kernel::test {

namespace {

using base::Right;
using base::UserAddr;
using usercopy::clear_user;
using usercopy::copy_from_user;
using usercopy::copy_to_user;

constexpr uint64_t page = base::page_size;
// The pages on both sides of the border between two page tables (and two of the level above).
constexpr uint64_t border = 0x80000000;
constexpr uint64_t origin = border - 4 * page;
constexpr uint64_t pages = 8;
const base::Access read_write = Right::read | Right::write;

uint8_t buffer[pages * page];
uint8_t back[pages * page];

// Declared after the spaces of a test: none of them runs when they end.
struct IdleAtEnd {
  ~IdleAtEnd() { UserSpace::deactivate(); }
};

// A parent with writable pages, all 0x11, and its clone; the one that runs can be chosen.
class Family {
 public:
  Family() {
    auto made = UserSpace::create();
    if (!made || !map_at(*made.value(), origin, pages * page, read_write).ok()) {
      return;
    }
    parent_ = base::move(made.value());
    run(*parent_);
    memset(buffer, 0x11, sizeof(buffer));
    if (!copy_to_user(UserAddr(origin), buffer, sizeof(buffer)).ok()) {
      return;
    }
    auto copy = parent_->clone();
    if (copy) {
      child_ = base::move(copy.value());
    }
  }
  ~Family() { UserSpace::deactivate(); }

  [[nodiscard]] bool ready() const { return bool(child_); }
  [[nodiscard]] UserSpace& parent() { return *parent_; }
  [[nodiscard]] UserSpace& child() { return *child_; }
  static void run(UserSpace& space) { space.activate(); }
  void check() {
    parent_->check();
    child_->check();
  }

 private:
  Ref<UserSpace> parent_;
  Ref<UserSpace> child_;
};

// Whether `space` reads `value` in [from, to), and 0x11 in the rest of the pages.
bool reads(UserSpace& space, uint64_t from, uint64_t to, uint8_t value) {
  space.activate();
  if (!copy_from_user(back, UserAddr(origin), sizeof(back)).ok()) {
    return false;
  }
  for (uint64_t i = 0; i < sizeof(back); ++i) {
    const uint64_t at = origin + i;
    if (back[i] != (at >= from && at < to ? value : 0x11)) {
      return false;
    }
  }
  return true;
}

Verdict clone_copies_nothing_until_it_is_written() {
  Family family;
  KTEST_CHECK(family.ready(), "no memory");
  const uint64_t before = family.child().vm().statistics().faults.copied;
  KTEST_CHECK(reads(family.child(), 0, 0, 0), "the clone reads something else");
  KTEST_CHECK(family.child().vm().statistics().faults.copied == before, "reading copied");
  Family::run(family.child());
  KTEST_CHECK(usercopy::store_user<uint8_t>(UserAddr(origin), 1).ok(), "refused");
  KTEST_CHECK(family.child().vm().statistics().faults.copied == before + 1,
              "one write did not copy one page");
  family.check();
  return passed;
}

// Every side writes, at every alignment that matters: within a page, across pages, across tables.
Verdict copies_into_shared_pages_are_seen_by_one_space() {
  const struct {
    uint64_t at;
    size_t size;
  } writes[] = {{origin, 1},     {origin + 100, 300},           {origin + page - 1, 2},
                {border - 1, 2}, {border - page - 7, 2 * page}, {border - 8, 8},
                {border, page},  {origin, pages * page}};
  for (const auto& write : writes) {
    for (const bool child_writes : {false, true}) {
      Family family;
      KTEST_CHECK(family.ready(), "no memory");
      UserSpace& writer = child_writes ? family.child() : family.parent();
      UserSpace& other = child_writes ? family.parent() : family.child();
      Family::run(writer);
      memset(buffer, 0x22, sizeof(buffer));
      KTEST_CHECK(copy_to_user(UserAddr(write.at), buffer, write.size).ok(), "refused");
      KTEST_CHECK(reads(writer, write.at, write.at + write.size, 0x22), "the writer reads wrong");
      KTEST_CHECK(reads(other, 0, 0, 0), "the other space changed");
      // The other one writes too: what is its alone by now needs no copy.
      Family::run(other);
      KTEST_CHECK(clear_user(UserAddr(write.at), write.size).ok(), "refused");
      KTEST_CHECK(reads(other, write.at, write.at + write.size, 0), "the other reads wrong");
      KTEST_CHECK(reads(writer, write.at, write.at + write.size, 0x22), "the writer changed");
      family.check();
    }
  }
  return passed;
}

Verdict clones_of_clones_are_independent() {
  Family family;
  KTEST_CHECK(family.ready(), "no memory");
  auto third = family.child().clone();
  const IdleAtEnd idle;
  KTEST_CHECK(third.ok(), "no memory");
  UserSpace* const spaces[] = {&family.parent(), &family.child(), third.value().get()};
  for (uint8_t i = 0; i < 3; ++i) {
    Family::run(*spaces[i]);
    memset(buffer, 0x30 + i, 2 * page);
    KTEST_CHECK(copy_to_user(UserAddr(border - page), buffer, 2 * page).ok(), "refused");
  }
  for (uint8_t i = 0; i < 3; ++i) {
    KTEST_CHECK(reads(*spaces[i], border - page, border + page, uint8_t(0x30 + i)),
                "a space reads what another wrote");
    spaces[i]->check();
  }
  return passed;
}

// What a clone may not do ends at the very byte, and leaves the other space alone.
Verdict rights_of_a_clone_are_its_own() {
  Family family;
  KTEST_CHECK(family.ready(), "no memory");
  const auto second = base::VpnRange::single(UserAddr(border).page());
  KTEST_CHECK(family.child().vm().protect(second, Right::read).ok(), "no memory");
  Family::run(family.child());
  memset(buffer, 0x44, sizeof(buffer));
  auto result = copy_to_user(UserAddr(border - 100), buffer, 200);
  KTEST_CHECK(!result.ok() && result.copied == 100, "a read-only page was written");
  KTEST_CHECK(reads(family.child(), border - 100, border, 0x44), "wrong bytes");
  KTEST_CHECK(family.child().vm().unmap(second).ok(), "no memory");
  Family::run(family.child());
  result = copy_to_user(UserAddr(border - 50), buffer, 200);
  KTEST_CHECK(!result.ok() && result.copied == 50, "a page that is gone was written");
  const auto read = copy_from_user(back, UserAddr(border - 9), 20);
  KTEST_CHECK(!read.ok() && read.copied == 9, "a page that is gone was read");
  KTEST_CHECK(reads(family.parent(), 0, 0, 0), "the parent changed");
  Family::run(family.parent());
  KTEST_CHECK(copy_to_user(UserAddr(border - 100), buffer, 200).ok(), "the parent lost rights");
  family.check();
  return passed;
}

// Pages that nobody has touched before the clone belong to nobody in common.
Verdict untouched_pages_are_each_spaces_own() {
  Family family;
  KTEST_CHECK(family.ready(), "no memory");
  constexpr uint64_t fresh = 0x90000000 - page;
  KTEST_CHECK(map_at(family.parent(), fresh, 2 * page, read_write).ok(), "no memory");
  auto copy = family.parent().clone();
  const IdleAtEnd idle;
  KTEST_CHECK(copy.ok(), "no memory");
  Family::run(family.parent());
  memset(buffer, 0x55, 2 * page);
  KTEST_CHECK(copy_to_user(UserAddr(fresh), buffer, 2 * page).ok(), "refused");
  Family::run(*copy.value());
  KTEST_CHECK(copy_from_user(back, UserAddr(fresh), 2 * page).ok(), "refused");
  for (uint64_t i = 0; i < 2 * page; ++i) {
    KTEST_CHECK(back[i] == 0, "the clone sees what came later");
  }
  copy.value()->check();
  return passed;
}

Verdict shared_memory_stays_shared() {
  Family family;
  KTEST_CHECK(family.ready(), "no memory");
  constexpr uint64_t at = 0xa0000000;
  {
    auto object = make_shared_memory(base::PageCount(2));
    KTEST_CHECK(object.ok(), "no memory");
    vm::MapRequest request;
    request.count = base::PageCount(2);
    request.access = read_write;
    request.sharing = vm::Sharing::shared;
    request.object = object.value().get();
    request.placement = vm::Placement::fixed_at(UserAddr(at).page());
    KTEST_CHECK(family.parent().vm().map(request).ok(), "no memory");
  }
  auto copy = family.parent().clone();
  const IdleAtEnd idle;
  KTEST_CHECK(copy.ok(), "no memory");
  Family::run(*copy.value());
  KTEST_CHECK(usercopy::store_user<uint32_t>(UserAddr(at + page - 4), 77).ok(), "refused");
  Family::run(family.parent());
  const auto seen = usercopy::load_user<uint32_t>(UserAddr(at + page - 4));
  KTEST_CHECK(seen.ok() && seen.value() == 77, "shared memory is not shared");
  return passed;
}

// A file's pages are one for all who map it, until one is written; past its end there is nothing.
Verdict file_pages_are_shared_and_end() {
  static uint8_t file[page + 100];
  memset(file, 0x66, sizeof(file));
  auto first = UserSpace::create();
  auto second = UserSpace::create();
  const IdleAtEnd idle;
  KTEST_CHECK(first.ok() && second.ok(), "no memory");
  constexpr uint64_t at = 0xb0000000;
  for (UserSpace* space : {first.value().get(), second.value().get()}) {
    KTEST_CHECK(map_at(*space, at, 3 * page, read_write, file).ok(), "no memory");
    space->activate();
    KTEST_CHECK(copy_from_user(back, UserAddr(at), 2 * page).ok(), "refused");
    for (uint64_t i = 0; i < 2 * page; ++i) {
      KTEST_CHECK(back[i] == (i < sizeof(file) ? 0x66 : 0), "wrong contents");
    }
    const auto past = copy_from_user(back, UserAddr(at + 2 * page - 3), 10);
    KTEST_CHECK(!past.ok() && past.copied == 3, "there is something past the end");
    vm::FaultOutcome bus = space->vm().fault({UserAddr(at + 2 * page), Right::read});
    KTEST_CHECK(!bus.is_resolved() && !bus.must_wait() && bus.refusal() == vm::Refusal::bus,
                "it is not a bus error");
  }
  const auto frame_in = [](UserSpace& space) {
    return space.vm().page_state(UserAddr(at).page()).frame;
  };
  KTEST_CHECK(frame_in(*first.value()) == frame_in(*second.value()), "the page is there twice");
  KTEST_CHECK(usercopy::store_user<uint8_t>(UserAddr(at + 5), 1).ok(), "refused");
  KTEST_CHECK(frame_in(*first.value()) != frame_in(*second.value()), "a write reached the file");
  first.value()->activate();
  const auto kept = usercopy::load_user<uint8_t>(UserAddr(at + 5));
  KTEST_CHECK(kept.ok() && kept.value() == 0x66 && file[5] == 0x66, "a write was seen");
  return passed;
}

Verdict stack_grows_to_its_limit_and_no_further() {
  auto space = UserSpace::create();
  const IdleAtEnd idle;
  KTEST_CHECK(space.ok(), "no memory");
  vm::MapRequest request;
  request.count = base::PageCount(1);
  request.access = read_write;
  request.growth = vm::MapRequest::Growth::down;
  request.placement = vm::Placement::fixed_at(UserAddr(0xc0000000).page());
  KTEST_CHECK(space.value()->vm().map(request).ok(), "no memory");
  space.value()->activate();
  constexpr uint64_t end = 0xc0000000 + page;
  constexpr uint64_t lowest = end - UserSpace::stack_size;
  KTEST_CHECK(usercopy::store_user<uint8_t>(UserAddr(lowest), 1).ok(), "it does not grow");
  KTEST_CHECK(!usercopy::store_user<uint8_t>(UserAddr(lowest - 1), 1).ok(), "it has no end");
  KTEST_CHECK(space.value()->resident_pages() == 1, "more pages than were touched");
  return passed;
}

Verdict break_moves_and_stops_at_its_neighbours() {
  auto space = UserSpace::create();
  KTEST_CHECK(space.ok(), "no memory");
  UserSpace& it = *space.value();
  constexpr uint64_t start = 0x10000000;
  it.start_break(start);
  KTEST_CHECK(it.move_break(start + 3 * page - 5) == start + 3 * page - 5, "it does not grow");
  KTEST_CHECK(map_at(it, start + 6 * page, page, Right::read).ok(), "no memory");
  KTEST_CHECK(it.move_break(start + 6 * page) == start + 3 * page - 5, "no page between");
  KTEST_CHECK(it.move_break(start + 5 * page) == start + 5 * page, "it stops too early");
  KTEST_CHECK(it.move_break(start - 1) == start + 5 * page, "it goes below its start");
  KTEST_CHECK(it.move_break(~0ULL) == start + 5 * page, "it went everywhere");
  auto copy = it.clone();
  KTEST_CHECK(copy.ok() && copy.value()->break_end() == start + 5 * page, "the clone has another");
  KTEST_CHECK(it.move_break(start) == start, "it does not shrink");
  it.check();
  return passed;
}

#define TEST(name) {#name, name}

constexpr Test tests[] = {
    TEST(clone_copies_nothing_until_it_is_written),
    TEST(copies_into_shared_pages_are_seen_by_one_space),
    TEST(clones_of_clones_are_independent),
    TEST(rights_of_a_clone_are_its_own),
    TEST(untouched_pages_are_each_spaces_own),
    TEST(shared_memory_stays_shared),
    TEST(file_pages_are_shared_and_end),
    TEST(stack_grows_to_its_limit_and_no_further),
    TEST(break_moves_and_stops_at_its_neighbours),
};

}  // namespace

constinit const std::span<const Test> clone_tests = tests;

}  // namespace kernel::test
