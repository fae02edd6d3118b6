// Reference counts that are full: compiled with counts of 8 bits, which 255 clones reach.
#include "unit/table/world.h"

using namespace table_test;

namespace {

static_assert(vm::FrameRecord::reference_limit == 255);

template <class F>
struct Family {
  using Space = typename World<F>::Space;

  // Clones of a space, each of which has copied the table that `page` is in.
  Family(World<F>& world, Space& parent, Vpn page, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      members.push_back(world.clone(parent));
      REQUIRE(world.fault(*members.back(), page, sim::Use::write).ok());
    }
  }
  std::vector<Space*> with(Space& parent, Space& last) const {
    std::vector<Space*> all = {&parent, &last};
    for (const auto& member : members) all.push_back(member.get());
    return all;
  }
  std::vector<std::unique_ptr<Space>> members;
};

// A write through a clone must copy a table of which `full` is in, whose count is full, and
// `counted` before it, whose is not: the copy is refused, and what had been counted is not any
// more.
template <class F>
void refuse(Vpn counted, Vpn full, Vpn written) {
  World<F> world;
  auto parent = world.space();
  REQUIRE(world.fault(*parent, full, sim::Use::write).ok());
  const Family<F> family(world, *parent, written, 254);
  REQUIRE(world.fault(*parent, counted, sim::Use::write).ok());
  auto last = world.clone(*parent);
  world.audit(family.with(*parent, *last));
  const base::Status status = world.fault(*last, written, sim::Use::write);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error() == base::Error::limit_exceeded);
  world.audit(family.with(*parent, *last));
}

}  // namespace

TEMPLATE_TEST_CASE("a page with a full count refuses the copy of its table", "[table]",
                   x86_64::Format, aarch64::Format) {
  refuse<TestType>(Vpn(1), Vpn(5), Vpn(9));
}

TEMPLATE_TEST_CASE("a table with a full count refuses the copy of the one above", "[table]",
                   x86_64::Format, aarch64::Format) {
  refuse<TestType>(Vpn(1), Vpn(512 + 5), Vpn(2 * 512 + 9));
}
