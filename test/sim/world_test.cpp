// libvm's System on the machine: frames are watched, allocations fail when told to.
#include "sim/world.h"

#include <catch2/catch.hpp>

TEMPLATE_TEST_CASE("the machine watches libvm's frames", "[sim]", x86_64::Format, aarch64::Format) {
  sim::World<TestType> world;
  REQUIRE(world.frames_in_use() == 0);
  const base::Pfn frame = world.frames.allocate(vm::Contents::zero).value();
  const base::Pfn block = world.frames.allocate_block({.order = 3}).value();
  const base::PfnRange run = world.frames.allocate_contiguous(base::PageCount(5)).value();
  REQUIRE(world.frames_in_use() == 1 + 8 + 5);
  REQUIRE(world.computer.ram().is_live(frame));
  world.frames.free(frame);
  world.frames.free(block);
  for (uint64_t i = 0; i < 5; ++i) world.frames.free(run.first() + base::PageCount(i));
  REQUIRE(world.frames_in_use() == 0);
  REQUIRE_FALSE(world.computer.ram().is_live(frame));
  world.computer.ram().fail_after(0);
  REQUIRE_FALSE(world.frames.allocate().ok());
  world.computer.ram().fail_after(0);
  REQUIRE_FALSE(world.frames.allocate_block({.order = 1}).ok());
  world.frames.check();
}
