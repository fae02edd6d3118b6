#include <catch2/catch.hpp>

#include "space_fixture.h"

using namespace space_test;
using base::PageCount;
using base::Vpn;
using base::VpnRange;

TEMPLATE_TEST_CASE("an untouched range is removed although its tables are shared with a clone", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> parent(world);
  REQUIRE(parent.map(0x1e0, 64).ok());
  REQUIRE(parent.write(0x1e0, 1));
  REQUIRE(parent.write(0x21f, 2));
  Process<TestType> child(world);
  REQUIRE(parent.space.clone_into(child.space).ok());
  // Both tables of the range are shared and have entries, none of them in the range.
  REQUIRE(parent.space.unmap(VpnRange::of(Vpn(0x1f0), PageCount(0x20))).ok());
  parent.space.check();
  child.space.check();
  CHECK(child.read(0x1f0) == 0u);
  CHECK(child.read(0x21f) == 2u);
  CHECK_FALSE(parent.read(0x200).has_value());
  CHECK(parent.read(0x1e0) == 1u);
}
