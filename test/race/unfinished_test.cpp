// What an operation leaves behind, also one that fails half-way for want of memory, is good for
// other CPUs and not only for its own; and nothing of it stays when the spaces go.
#include <catch2/catch.hpp>

#include "race/scene.h"
#include "unit/table/world.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using namespace race;

// `operation` by CPU 0 with its first allocation failing, its second, ... ; then `look` by CPU 1.
template <class F>
void with_failures(const char* what, const std::function<void(Scene<F>&)>& set_up,
                   const std::function<void(Scene<F>&)>& operation,
                   const std::function<void(Scene<F>&)>& look, uint64_t frames = 192,
                   vm::HugePages huge = vm::HugePages::never) {
  INFO(what);
  for (uint64_t n = 0;; ++n) {
    INFO("allocation " << n << " fails");
    Scene<F> scene(frames, huge);
    set_up(scene);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
    sim::Ram& ram = scene.world.computer.ram();
    ram.fail_after(n);
    scene.on(0, [&] { operation(scene); });
    const bool failed = ram.failure_fired();
    ram.clear_failure();
    scene.on(1, [&] { look(scene); });
    scene.settle({0, 0});
    scene.finish();
    if (!failed) return;
    REQUIRE(n < 40);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("another CPU uses what an operation without memory has left", "[race]",
                   TEST_FORMATS) {
  using S = Scene<TestType>;
  const auto touches = [](uint64_t page, Use use) {
    return [=](S& scene) { (void)scene.touch(0, page, use, 7); };
  };
  with_failures<TestType>(
      "first touch", [](S& scene) { scene.map(0, 0, 4); }, touches(3, Use::write),
      touches(2, Use::write));
  const auto cloned = [](S& scene) {
    scene.map(0, 0, 4);
    scene.activate(0, 0);
    scene.write(0, 1, 1);
    scene.clone();
  };
  with_failures<TestType>("copy of a shared table", cloned, touches(1, Use::write),
                          touches(1, Use::read));
  with_failures<TestType>("fresh page in a shared table", cloned, touches(3, Use::write),
                          touches(1, Use::write));
  with_failures<TestType>(
      "fresh page where nobody shares any more",
      [&](S& scene) {
        cloned(scene);
        scene.destroy(1);
      },
      touches(3, Use::write), touches(1, Use::write));
  with_failures<TestType>(
      "batch", cloned,
      [](S& scene) {
        vm::SpaceChange change;
        change.range = S::range(1);
        const auto changes = base::Span<vm::SpaceChange>(&change, 1);
        (void)scene.space(0).apply(changes, &scene.space(1));
      },
      touches(2, Use::write));
  // Page 504 of the scene is where 2 MiB begin.
  const auto large = [](S& scene) {
    scene.map(0, 504, 1024);
    scene.activate(0, 0);
  };
  with_failures<TestType>("large page", large, touches(600, Use::write), touches(601, Use::write),
                          2048, vm::HugePages::always);
  with_failures<TestType>(
      "large pages cut at both ends",
      [&](S& scene) {
        large(scene);
        scene.write(0, 504, 1);
        scene.write(0, 504 + 512, 1);
      },
      [](S& scene) { (void)scene.space(0).unmap(S::range(600, 512)); }, touches(504, Use::read),
      2048, vm::HugePages::always);
}

TEMPLATE_TEST_CASE("another CPU sees what was transferred and moved", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  S scene;
  scene.map(1, 1, 2);  // page 2 stays, and the tables with it
  scene.activate(0, 1);
  scene.write(1, 1, 5);
  scene.write(1, 2, 6);
  scene.map(0, 0, 1);
  scene.activate(2, 0);
  (void)scene.read(0, 0, 2);
  scene.on(0, [&] {
    must(scene.space(0).transfer(scene.space(1), {S::range(1), vm::Placement::fixed_at(S::vpn(1))}),
         "transfer");
  });
  CHECK(scene.read(0, 1, 2) == 5u);
  scene.finish();

  // A whole table moves to where an empty one is left over.
  table_test::World<TestType> world;
  auto space = world.space();
  world.write(*space, Vpn(512), 5);
  world.write(*space, Vpn(2048), 6);
  REQUIRE(world.remove(*space, VpnRange::single(Vpn(2048))).ok());
  (void)world.read(*space, Vpn(4096), 1);
  world.computer.run_on(0, [&] {
    space->table.enter();
    REQUIRE(world.move(*space, VpnRange::of(Vpn(512), PageCount(512)), Vpn(2048)).ok());
  });
  CHECK(world.read(*space, Vpn(2048), 1) == 5);
  world.leave_all();
}

TEMPLATE_TEST_CASE("a space that cannot be made or cloned leaves nothing", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  for (uint64_t n = 0; n < 3; ++n) {
    S scene;
    scene.world.computer.ram().fail_after(n);
    typename S::Space space(scene.system);
    const base::Status created = space.create({});
    CHECK(created.ok() == (n >= 2));
    scene.world.computer.ram().clear_failure();
    if (created.ok()) space.destroy();
    scene.finish();
  }
  S scene;
  auto object = std::make_unique<typename S::Object>(scene.objects, PageCount(4));
  scene.map(0, 0, 4);
  scene.map_object(0, 5, 1, *object);
  scene.activate(0, 0);
  scene.write(0, 1, 1);
  scene.write(0, 5, 1);
  vm::SpaceLimits limits = scene.space(1).limits();
  limits.committed = PageCount(1);
  scene.space(1).set_limits(limits);
  const base::Status cloned = scene.space(0).clone_into(scene.space(1));
  REQUIRE_FALSE(cloned.ok());
  CHECK(cloned.error() == base::Error::out_of_memory);
  CHECK(scene.space(1).statistics().mappings == 0);
  CHECK(object->references() == 2);
  scene.settle({0});
  must(scene.space(0).unmap(S::range(5)), "unmap");
  object->release();
  scene.finish();
}
