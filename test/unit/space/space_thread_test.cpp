// Several CPUs on one space at once. Each works in pages of its own, whose contents it knows, and
// faults everywhere; one clones the space all the while. Run it under ThreadSanitizer too.
#include <catch2/catch.hpp>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>

#include "space_fixture.h"
#include "vm/object/shared_anonymous.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

constexpr uint64_t region = 96;         // pages that one CPU works in
constexpr uint64_t first_page = 0x1e0;  // regions share page tables and cross their edges

// A CPU's store is done, or sees the clone's flush: here, where nothing is remembered, by this
// lock.
std::shared_mutex stores;

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

template <class F>
void work(World<F>& world, Process<F>& process, uint32_t cpu, uint32_t workers, int steps) {
  this_cpu = cpu;
  std::mt19937 random(cpu + 7);
  const uint64_t base_page = first_page + cpu * region;
  std::vector<uint64_t> value(region, 0);
  std::vector<bool> mapped(region, false);
  for (int step = 0; step < steps; ++step) {
    const uint64_t first = random() % region;
    const uint64_t count = 1 + random() % std::min<uint64_t>(9, region - first);
    const VpnRange range = VpnRange::of(Vpn(base_page + first), PageCount(count));
    switch (random() % 8) {
      case 0:
      case 1:
        expect(process.map(base_page + first, count).ok(), "map failed");
        for (uint64_t page = first; page < first + count; ++page) {
          mapped[page] = true;
          value[page] = 0;
        }
        break;
      case 2:
        expect(process.space.unmap(range).ok(), "unmap failed");
        for (uint64_t page = first; page < first + count; ++page) mapped[page] = false;
        break;
      case 3: {
        const bool whole = [&] {
          for (uint64_t page = first; page < first + count; ++page) {
            if (!mapped[page]) return false;
          }
          return true;
        }();
        expect(process.space.protect(range, Right::read).ok() == whole, "protect");
        if (whole) {
          expect(process.space.protect(range, Right::read | Right::write).ok(), "protect back");
        }
        break;
      }
      case 4:
      case 5:
        for (uint64_t page = first; page < first + count; ++page) {
          const uint64_t next = random();
          std::shared_lock store(stores);
          const bool written = process.write(base_page + page, next);
          expect(written == mapped[page], "write");
          if (written) value[page] = next;
        }
        break;
      case 6:
        for (uint64_t page = first; page < first + count; ++page) {
          const std::optional<uint64_t> seen = process.read(base_page + page);
          expect(seen.has_value() == mapped[page], "read");
          if (seen) expect(*seen == value[page], "page lost what was written");
        }
        break;
      case 7: {  // somebody else's page: whatever it is, the fault ends
        const uint64_t page = first_page + random() % (region * workers);
        (void)process.space.fault({base::UserAddr::of(Vpn(page)), Right::read | Right::user});
        break;
      }
    }
    (void)world;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("CPUs that map, fault and clone at once keep their contents apart", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(8192);
  {
    Process<TestType> process(world);
    std::vector<std::thread> threads;
    constexpr uint32_t workers = 3;
    for (uint32_t cpu = 0; cpu < workers; ++cpu) {
      threads.emplace_back([&, cpu] { work(world, process, cpu, workers, 1500); });
    }
    threads.emplace_back([&] {
      this_cpu = workers;
      for (int round = 0; round < 40; ++round) {
        Process<TestType> child(world);
        {
          std::unique_lock flushed(stores);
          expect(process.space.clone_into(child.space).ok(), "clone failed");
        }
        // No check() here: the tables that it shares with the parent are in use.
        for (uint64_t page = first_page; page < first_page + workers * region; page += 5) {
          if (child.write(page, page)) expect(child.read(page) == page, "child lost a write");
        }
      }
    });
    for (std::thread& thread : threads) thread.join();
    process.space.check();
  }
}

namespace {

using Object = vm::SharedAnonymous<vm::FrameAllocator<PlainHost>>;

// Every operation, on two spaces of which the second borrows from the first. Whatever comes of
// each: what several CPUs touch at once must be touched under a lock or atomically, and the spaces
// must be whole afterwards.
template <class F>
void use_everything(Process<F>& lender, Process<F>& borrower, Object& object, uint32_t cpu,
                    uint32_t workers, int steps) {
  this_cpu = cpu;
  std::mt19937 random(cpu + 77);
  const uint64_t base_page = first_page + cpu * region;
  auto& space = lender.space;
  auto& other = borrower.space;
  for (int step = 0; step < steps; ++step) {
    const uint64_t first = base_page + random() % (region - 8);
    const VpnRange range = VpnRange::of(Vpn(first), PageCount(1 + random() % 8));
    const auto anywhere = [&] {
      return base::UserAddr::of(Vpn(first_page + random() % (region * workers)));
    };
    const base::Access use =
        random() % 2 == 0 ? Right::read | Right::user : Right::write | Right::user;
    switch (random() % 23) {
      case 0:
      case 1: (void)lender.map(first, range.count().raw()); break;
      case 2: (void)space.unmap(range); break;
      case 3: (void)space.protect(range, Right::read); break;
      case 4: (void)space.advise(range, vm::Advice::dont_need); break;
      case 5: (void)space.populate(range, Right::write); break;
      case 6:
        (void)space.lock(range, vm::Locking::all);
        (void)space.locked();
        (void)space.lock(range, vm::Locking::none);
        break;
      case 7: {
        vm::RemapRequest request;
        request.source = range;
        request.new_count = range.count();
        request.move = vm::RemapRequest::Move::fixed;
        request.target = Vpn(base_page + random() % (region - 8));
        (void)space.remap(request);
        break;
      }
      case 8:
        (void)space.page_state(range.first());
        (void)space.mapping_at_or_after(range.first());
        (void)space.visit_mapping_at(range.first(), [](const vm::Mapping&) {});
        break;
      case 9: (void)space.visit_pages(range, [](const vm::PageState&) {}); break;
      case 10:
        space.visit_mappings([](const vm::Mapping&) {});
        (void)space.statistics();
        space.dump([](const vm::Mapping&) {});
        break;
      case 11: space.set_limits(space.limits()); break;
      case 12:
      case 13: (void)space.fault({anywhere(), use}); break;
      case 14:
      case 15:
        (void)other.borrow(
            space, {range, Right::read | Right::write, vm::Placement::fixed_at(range.first())});
        break;
      case 16:
      case 17: (void)other.fault({anywhere(), use}); break;
      case 18: (void)other.unmap(range); break;
      case 19: {
        vm::MapRequest request;
        request.count = range.count();
        request.access = Right::read | Right::write;
        request.sharing = random() % 2 == 0 ? vm::Sharing::shared : vm::Sharing::private_copy;
        request.object = &object;
        request.placement = vm::Placement::fixed_at(range.first());
        (void)space.map(request);
        break;
      }
      case 20:
        (void)space.advise(range, vm::Advice::remove);
        (void)space.advise(range, vm::Advice::wipe_on_fork);
        break;
      case 21:
        (void)other.transfer(space, {range, vm::Placement::fixed_at(range.first())});
        (void)space.transfer(other, {range, vm::Placement::fixed_at(range.first())});
        break;
      case 22: {
        space.lock_later(random() % 2 == 0 ? vm::Locking::on_fault : vm::Locking::none);
        vm::SyncProgress progress(range);
        (void)space.sync(progress, vm::SyncMode::invalidate);
        vm::SpaceChange change;
        change.kind = vm::SpaceChange::Kind::map;
        change.map.count = range.count();
        change.map.access = Right::read | Right::write;
        change.map.placement = vm::Placement::fixed_at(range.first());
        (void)space.apply(base::Span<vm::SpaceChange>(&change, 1), nullptr);
        break;
      }
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("CPUs make every operation on two spaces at once", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world(8192);
  Object object(world.system->objects(), PageCount(8));
  {
    Process<TestType> lender(world);
    Process<TestType> borrower(world);
    std::vector<std::thread> threads;
    constexpr uint32_t workers = 3;
    for (uint32_t cpu = 0; cpu < workers; ++cpu) {
      threads.emplace_back(
          [&, cpu] { use_everything(lender, borrower, object, cpu, workers, 3000); });
    }
    // Clones share the tables of both, and fault beside them.
    threads.emplace_back([&] {
      this_cpu = workers;
      std::mt19937 random(1);
      for (int round = 0; round < 60; ++round) {
        Process<TestType> child(world);
        (void)(round % 2 == 0 ? lender : borrower).space.clone_into(child.space);
        for (int i = 0; i < 20; ++i) {
          const Vpn page(first_page + random() % (region * workers));
          (void)child.space.fault({base::UserAddr::of(page), Right::write | Right::user});
        }
      }
    });
    for (std::thread& thread : threads) thread.join();
    lender.space.check();
    borrower.space.check();
  }
  object.release();
}
