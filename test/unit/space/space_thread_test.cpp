// Several CPUs on one space at once. Each works in pages of its own, whose contents it knows, and
// faults everywhere; one clones the space all the while. Run it under ThreadSanitizer too.
#include <catch2/catch.hpp>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>

#include "space_fixture.h"

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
