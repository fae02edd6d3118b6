// What waits: retired frames for readers, copies of tables for walks of the spaces.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "space_fixture.h"
#include "vm/object/shared_anonymous.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

VpnRange range(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}

// Leaves a page table or more behind that waits for readers.
template <class F>
void retire_tables(Process<F>& process, uint64_t page) {
  REQUIRE(process.map(page, 1).ok());
  REQUIRE(process.write(page, 1));
  REQUIRE(process.space.unmap(range(page, 1)).ok());
}

template <class F>
std::vector<base::Pfn> take_all(World<F>& world) {
  std::vector<base::Pfn> taken;
  for (base::Result<base::Pfn> frame = world.frames.allocate(); frame.ok();
       frame = world.frames.allocate()) {
    taken.push_back(frame.value());
  }
  return taken;
}

}  // namespace

TEMPLATE_TEST_CASE("what an operation retires waits, and goes when the CPU idles", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  {
    Process<TestType> process(world);
    retire_tables(process, 0x1234567);
    CHECK(world.epochs->pending() != 0);
  }
  CHECK(world.epochs->pending() != 0);
  (void)world.epochs->collect();
  CHECK(world.epochs->pending() == 0);
  CHECK(world.frames.statistics().available().raw() == world.at_start);
}

TEMPLATE_TEST_CASE("a busy CPU keeps few frames back, however much it does", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> process(world);
  for (int i = 0; i < 1000; ++i) {
    retire_tables(process, 0x1234567);
    REQUIRE(world.epochs->pending() < vm::Epochs<PlainHost>::poll_limit + 8);
  }
}

TEMPLATE_TEST_CASE("who needs the last frames gets those that wait for readers on any CPU", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(512);
  const uint64_t all = world.frames.statistics().available().raw();
  {
    Process<TestType> process(world);
    this_cpu = 1;
    retire_tables(process, 0x1234567);
    this_cpu = 2;
    retire_tables(process, 0x7654321);
    this_cpu = 0;
  }
  CHECK(world.epochs->pending() != 0);
  const std::vector<base::Pfn> taken = take_all(world);
  CHECK(taken.size() == all);
  CHECK(world.epochs->pending() == 0);
  for (const base::Pfn frame : taken) world.frames.free(frame);
}

TEMPLATE_TEST_CASE("a fault without a frame gets those that its own section kept back", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world(512);
  Process<TestType> process(world);
  REQUIRE(process.map(0x1000, 8).ok());
  REQUIRE(process.write(0x1000, 1));
  REQUIRE(process.map(0x1234567, 1).ok());
  REQUIRE(process.write(0x1234567, 1));
  const std::vector<base::Pfn> taken = take_all(world);
  CHECK_FALSE(process.write(0x1001, 2));
  CHECK(process.refusal == vm::Refusal::out_of_memory);
  REQUIRE(process.space.unmap(range(0x1234567, 1)).ok());
  // The page itself, at once; then tables, when nobody reads.
  const uint64_t waiting = world.epochs->pending();
  REQUIRE(waiting != 0);
  REQUIRE(process.write(0x1001, 2));
  uint64_t more = 0;
  for (uint64_t page = 0x1002; page < 0x1008 && process.write(page, page); ++page) ++more;
  CHECK(more >= base::min<uint64_t>(waiting, 6));
  CHECK(process.read(0x1001) == 2u);
  for (const base::Pfn frame : taken) world.frames.free(frame);
}

// A walk that has been to the child must not miss what the child gets from a parent whose turn is
// still to come.
TEMPLATE_TEST_CASE("a clone waits while pages of an object leave every space", "", x86_64::Format,
                   aarch64::Format) {
  using Memory = vm::SharedAnonymous<vm::FrameAllocator<PlainHost>>;
  World<TestType> world;
  Memory memory(world.system->objects(), PageCount(4));
  {
    // The walk goes from CPU to CPU: the child, then the pause, then the parent.
    Process<TestType> child(world);
    struct Pause final : vm::ObjectMapper {
      explicit Pause(std::atomic<bool>& done) : cloned(done) {}
      void drop_pages(vm::MemoryObject&, vm::ObjectRange) override {
        walking = true;
        for (int i = 0; i < 100 && !cloned; ++i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        cloned_meanwhile = cloned.load();
      }
      void clean_pages(vm::MemoryObject&, vm::ObjectRange) override {}
      std::atomic<bool>& cloned;
      std::atomic<bool> walking{false};
      std::atomic<bool> cloned_meanwhile{false};
    };
    std::atomic<bool> cloned{false};
    Pause pause(cloned);
    world.system->mappers().join(pause, 1);
    this_cpu = 2;
    Process<TestType> parent(world);
    this_cpu = 0;
    vm::MapRequest request;
    request.count = PageCount(4);
    request.access = Right::read | Right::write;
    request.sharing = vm::Sharing::shared;
    request.object = &memory;
    request.placement = vm::Placement::fixed_at(Vpn(0x1000));
    REQUIRE(parent.space.map(request).ok());
    REQUIRE(parent.write(0x1001, 5));
    std::thread cloner([&] {
      this_cpu = 3;
      while (!pause.walking) std::this_thread::yield();
      World<TestType>::check(parent.space.clone_into(child.space));
      cloned = true;
    });
    REQUIRE(memory.resize(PageCount(1)).ok());
    cloner.join();
    CHECK(!pause.cloned_meanwhile);
    CHECK_FALSE(parent.read(0x1001).has_value());
    CHECK_FALSE(child.read(0x1001).has_value());
    child.space.check();
    world.system->mappers().leave(pause);
  }
  memory.release();
}
