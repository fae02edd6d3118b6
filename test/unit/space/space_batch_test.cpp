// Batches: what they do is what their changes do one by one, or nothing; also without memory.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "space_fixture.h"
#include "vm/object/shared_anonymous.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;
using vm::SpaceChange;

namespace {

constexpr uint64_t first_page = 0x1c0;  // two leaf tables and some
constexpr uint64_t page_count = 0x480;

template <class F>
std::vector<vm::Mapping> layout(Process<F>& process) {
  std::vector<vm::Mapping> result;
  process.space.visit_mappings([&](const vm::Mapping& mapping) { result.push_back(mapping); });
  return result;
}

// What every page that may be read has, and nothing for the others.
template <class F>
std::map<uint64_t, uint64_t> contents(Process<F>& process) {
  std::map<uint64_t, uint64_t> result;
  for (const vm::Mapping& mapping : layout(process)) {
    if (!mapping.access().can_read()) continue;
    for (uint64_t page = mapping.first().raw(); page < mapping.end().raw(); ++page) {
      if (const auto value = process.read(page)) result[page] = *value;
    }
  }
  return result;
}

template <class F>
void fill(Process<F>& process, std::mt19937_64& random) {
  for (int i = 0; i < 12; ++i) {
    const uint64_t at = first_page + random() % page_count;
    if (!process.map(at, 1 + random() % 90).ok()) std::abort();
  }
  for (int i = 0; i < 200; ++i) (void)process.write(first_page + random() % page_count, random());
}

VpnRange some_range(std::mt19937_64& random) {
  return VpnRange::of(Vpn(first_page + random() % page_count), PageCount(1 + random() % 70));
}

vm::Placement some_placement(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0: return vm::Placement::anywhere();
    case 1: return vm::Placement::fixed_no_replace_at(some_range(random).first());
    default: return vm::Placement::fixed_at(some_range(random).first());
  }
}

SpaceChange some_change(std::mt19937_64& random, vm::MemoryObject* object) {
  constexpr vm::Advice advice[] = {vm::Advice::dont_need,    vm::Advice::free,
                                   vm::Advice::random,       vm::Advice::dont_fork,
                                   vm::Advice::wipe_on_fork, vm::Advice::cold};
  constexpr base::Access access[] = {base::Access::none(), Right::read, Right::read | Right::write};
  SpaceChange change;
  change.range = some_range(random);
  switch (random() % 8) {
    case 0:
    case 1:
      change.kind = SpaceChange::Kind::map;
      change.map.count = change.range.count();
      change.map.access = access[1 + random() % 2];
      change.map.placement = some_placement(random);
      if (random() % 2 == 0) {
        change.map.object = object;
        change.map.object_page = vm::ObjectPage(random() % 8);
        change.map.sharing = random() % 2 == 0 ? vm::Sharing::shared : vm::Sharing::private_copy;
      }
      break;
    case 2: change.kind = SpaceChange::Kind::unmap; break;
    case 3:
    case 4:
      change.kind = SpaceChange::Kind::protect;
      change.access = access[random() % 3];
      break;
    case 5:
      change.kind = SpaceChange::Kind::advise;
      change.advice = advice[random() % 6];
      break;
    default:
      change.kind = SpaceChange::Kind::transfer;
      change.transfer.source = some_range(random);
      change.transfer.placement = some_placement(random);
      break;
  }
  return change;
}

// The change made by its own operation.
template <class F>
base::Status make(Process<F>& process, Process<F>& giver, const SpaceChange& change) {
  switch (change.kind) {
    case SpaceChange::Kind::map: {
      const auto mapped = process.space.map(change.map);
      return mapped.ok() ? base::Status() : base::Status(mapped.error());
    }
    case SpaceChange::Kind::unmap: return process.space.unmap(change.range);
    case SpaceChange::Kind::protect: return process.space.protect(change.range, change.access);
    case SpaceChange::Kind::advise: return process.space.advise(change.range, change.advice);
    case SpaceChange::Kind::transfer: break;
  }
  const auto moved = process.space.transfer(giver.space, change.transfer);
  return moved.ok() ? base::Status() : base::Status(moved.error());
}

}  // namespace

TEMPLATE_TEST_CASE("a batch does what its changes do one by one, or nothing", "", x86_64::Format,
                   aarch64::Format) {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  unsigned done = 0;
  unsigned refused = 0;
  for (int round = 0; round < 400; ++round) {
    INFO("round " << round);
    World<TestType> world(8192);
    vm::SharedAnonymous<vm::FrameAllocator<PlainHost>> object(world.system->objects(),
                                                              PageCount(128));
    {
      Process<TestType> batched(world), giver(world), stepped(world), stepped_giver(world);
      fill(batched, random);
      fill(giver, random);
      REQUIRE(batched.space.clone_into(stepped.space).ok());
      REQUIRE(giver.space.clone_into(stepped_giver.space).ok());
      const auto before = layout(batched);
      const auto values = contents(batched);
      const auto giver_before = layout(giver);
      const auto giver_values = contents(giver);
      std::vector<SpaceChange> changes;
      for (uint64_t i = 1 + random() % 6; i != 0; --i) {
        changes.push_back(some_change(random, &object));
      }
      base::Status expected;
      size_t at = 0;
      for (; at < changes.size() && expected.ok(); ++at) {
        expected = make(stepped, stepped_giver, changes[at]);
      }
      const vm::BatchOutcome outcome =
          batched.space.apply({changes.data(), changes.size()}, &giver.space);
      batched.space.check();
      giver.space.check();
      REQUIRE(outcome.status.ok() == expected.ok());
      if (expected.ok()) {
        ++done;
        REQUIRE(layout(batched) == layout(stepped));
        REQUIRE(layout(giver) == layout(stepped_giver));
        REQUIRE(contents(batched) == contents(stepped));
        REQUIRE(contents(giver) == contents(stepped_giver));
      } else {
        ++refused;
        REQUIRE(outcome.status.error() == expected.error());
        REQUIRE(outcome.failed == at - 1);
        REQUIRE(layout(batched) == before);
        REQUIRE(contents(batched) == values);
        REQUIRE(layout(giver) == giver_before);
        REQUIRE(contents(giver) == giver_values);
      }
    }
    object.release();
  }
  REQUIRE(done > 20);
  REQUIRE(refused > 20);
}

TEMPLATE_TEST_CASE("a batch that runs out of memory does nothing", "", x86_64::Format,
                   aarch64::Format) {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  unsigned failures = 0;
  for (uint64_t round = 0; round < 12; ++round) {
    for (uint64_t left = 0;; ++left) {
      INFO("round " << round << ", free frames " << left);
      REQUIRE(left < 400);
      std::mt19937_64 random(seed + round);
      World<TestType> world(4096);
      Process<TestType> batched(world), giver(world), sibling(world), giver_sibling(world);
      fill(batched, random);
      fill(giver, random);
      REQUIRE(batched.space.clone_into(sibling.space).ok());
      REQUIRE(giver.space.clone_into(giver_sibling.space).ok());
      const auto before = layout(batched);
      const auto giver_before = layout(giver);
      SpaceChange changes[4];
      changes[0].kind = SpaceChange::Kind::map;
      changes[0].range = some_range(random);
      changes[0].map.count = PageCount(200);
      changes[0].map.access = Right::read | Right::write;
      changes[0].map.placement = vm::Placement::fixed_at(changes[0].range.first());
      changes[1].kind = SpaceChange::Kind::protect;
      changes[1].range = VpnRange::of(changes[0].range.first() + PageCount(20), PageCount(150));
      changes[1].access = Right::read;
      changes[2].kind = SpaceChange::Kind::transfer;
      changes[2].transfer.source = giver_before[random() % giver_before.size()].range();
      changes[2].transfer.placement = vm::Placement::fixed_at(some_range(random).first());
      changes[3].kind = SpaceChange::Kind::unmap;
      changes[3].range = some_range(random);
      world.epochs->synchronize();
      std::vector<base::Pfn> taken;
      for (auto frame = world.frames.allocate(); frame.ok(); frame = world.frames.allocate()) {
        taken.push_back(frame.value());
      }
      for (uint64_t i = 0; i < left; ++i) {
        world.frames.free(taken.back());
        taken.pop_back();
      }
      const vm::BatchOutcome outcome = batched.space.apply(changes, &giver.space);
      for (const base::Pfn frame : taken) world.frames.free(frame);
      batched.space.check();
      giver.space.check();
      if (outcome.status.ok()) break;
      ++failures;
      REQUIRE(outcome.status.error() == base::Error::out_of_memory);
      REQUIRE(layout(batched) == before);
      REQUIRE(layout(giver) == giver_before);
      REQUIRE(contents(batched) == contents(sibling));
      REQUIRE(contents(giver) == contents(giver_sibling));
    }
  }
  REQUIRE(failures > 20);
}

TEMPLATE_TEST_CASE("a lent range is mapped as an object, and never at home", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world), borrower(world);
  REQUIRE(lender.map(0x1000, 4).ok());
  REQUIRE(lender.write(0x1001, 7));
  REQUIRE(lender.space.lend_range(VpnRange::of(Vpn(0x1002), PageCount(4)), Right::read).error() ==
          base::Error::not_mapped);
  REQUIRE(
      lender.space.lend_range(VpnRange::of(Vpn(0x1000), PageCount(1)), Right::execute).error() ==
      base::Error::access_denied);
  auto loan =
      lender.space.lend_range(VpnRange::of(Vpn(0x1000), PageCount(4)), Right::read | Right::write);
  REQUIRE(loan.ok());
  SpaceChange change;
  change.kind = SpaceChange::Kind::map;
  change.map.count = PageCount(4);
  change.map.access = Right::read | Right::write;
  change.map.sharing = vm::Sharing::shared;
  change.map.object = loan.value().get();
  change.map.placement = vm::Placement::fixed_at(Vpn(0x2000));
  const base::Span<SpaceChange> batch(&change, 1);
  const vm::BatchOutcome at_home = lender.space.apply(batch, nullptr);
  REQUIRE(at_home.status.error() == base::Error::would_deadlock);
  REQUIRE(at_home.failed == 0);
  REQUIRE(borrower.space.apply(batch, nullptr).status.ok());
  REQUIRE(borrower.read(0x2001) == 7);
  REQUIRE(borrower.write(0x2003, 9));
  REQUIRE(lender.read(0x1003) == 9);
  loan.value().reset();
  borrower.space.check();
  lender.space.check();
}
