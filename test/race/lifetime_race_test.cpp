// Those who look at tables, mappings and objects while somebody else lets them go: what they look
// at lives until they are done. And loans made at once close no circle.
#include <catch2/catch.hpp>

#include "race/scene.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using namespace race;

// An object that knows whether it is used after its end.
template <class F>
class Watched final : public vm::MemoryObject {
 public:
  explicit Watched(Scene<F>& scene)
      : MemoryObject(vm::ObjectKind::shared_anonymous, {}), scene_(scene) {
    frame_ = scene.world.frames.allocate(vm::Contents::zero).value();
    scene.world.system->records().of(frame_).set_state(vm::FrameState::object_page);
  }
  PageCount size() const override { return PageCount(8); }
  base::Access max_access() const override { return Right::read | Right::write; }
  vm::PageAnswer page(vm::ObjectPage, vm::PageUse) override { return look(); }
  vm::PageAnswer resident(vm::ObjectPage) override { return look(); }
  void check() override {}

 private:
  vm::PageAnswer look() {
    require(gone_.load() == 0, "an object is asked after its end");
    must(scene_.world.system->records().of(frame_).add_references(), "a reference");
    require(gone_.load() == 0, "an object ends while it is asked");
    return vm::PageAnswer::of_page(frame_, Right::read | Right::write);
  }
  void last_reference_gone() override {
    gone_.store(1);
    scene_.world.system->drop_frame(frame_);
  }

  Scene<F>& scene_;
  base::Pfn frame_;
  base::Atomic<uint32_t> gone_{0};
};

// CPU 0 looks at space 0. Meanwhile CPU 1 makes the tables that it shares with its clone private,
// the clone goes, and time passes.
template <class F>
void beside_last_sharer(const char* what, const std::function<void(Scene<F>&)>& look) {
  INFO(what);
  explore(1, [&](sim::Scheduler& scheduler) {
    Scene<F> scene;
    scene.map(0, 0, 4);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
    scene.write(0, 1, 1);
    scene.clone();
    scheduler.spawn(0, [&] { look(scene); });
    scheduler.spawn(1, [&] {
      (void)scene.touch(0, 1, Use::write, 7);
      scene.destroy(1);
      scene.pass_time();
    });
    scheduler.run();
    scene.settle({0, 0});
    scene.finish();
  });
}

// Space 0 maps an object that nobody else holds; `fault` uses it while the mapping goes.
template <class F>
void beside_last_mapping(const char* what, bool lent, const std::function<void(Scene<F>&)>& use) {
  INFO(what);
  explore(1, [&](sim::Scheduler& scheduler) {
    Scene<F> scene;
    Watched<F> object(scene);
    scene.map_object(0, 1, 1, object);
    object.release();
    if (lent) {
      must(scene.space(1).borrow(scene.space(0), {Scene<F>::range(1), Right::read,
                                                  vm::Placement::fixed_at(scene.vpn(1))}),
           "borrow");
    }
    scene.activate(0, 0);
    scene.activate(1, lent ? 1 : 0);
    scheduler.spawn(0, [&] { must(scene.space(0).unmap(scene.range(1)), "unmap"); });
    scheduler.spawn(1, [&] { use(scene); });
    scheduler.run();
    scene.settle({0, lent ? 1 : 0});
    scene.finish();
  });
}

}  // namespace

TEMPLATE_TEST_CASE("tables live while somebody looks at them", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  beside_last_sharer<TestType>("page_state",
                               [](S& scene) { (void)scene.space(0).page_state(S::vpn(1)); });
  beside_last_sharer<TestType>("use", [](S& scene) { (void)scene.space(0).use(S::range(0, 4)); });
  beside_last_sharer<TestType>("statistics", [](S& scene) { (void)scene.space(0).statistics(); });
  beside_last_sharer<TestType>(
      "populate", [](S& scene) { (void)scene.space(0).populate(S::range(1), Right::read); });
  beside_last_sharer<TestType>("content",
                               [](S& scene) { (void)scene.space(0).table().content(S::range(1)); });
  beside_last_sharer<TestType>("unmap",
                               [](S& scene) { must(scene.space(0).unmap(S::range(2)), "unmap"); });
  beside_last_sharer<TestType>("give_back",
                               [](S& scene) { scene.space(0).give_back(S::vpn(1), base::Pfn(0)); });
}

// A page that moves within a space is somewhere at any time, and in one place.
TEMPLATE_TEST_CASE("pages are counted while one of them moves", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  const char* const ways[] = {"use", "statistics", "visit_pages"};
  for (unsigned way = 0; way < 3; ++way) {
    INFO(ways[way]);
    explore(1, [&](sim::Scheduler& scheduler) {
      S scene;
      scene.map(0, 0, 2);
      for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
      for (uint64_t page = 0; page < 2; ++page) scene.write(0, page, 5 + page);
      scheduler.spawn(0, [&] {
        vm::RemapRequest move;
        move.source = S::range(1);
        move.new_count = PageCount(1);
        move.move = vm::RemapRequest::Move::fixed;
        move.target = S::vpn(4);
        must(scene.space(0).remap(move), "remap");
      });
      scheduler.spawn(1, [&] {
        uint64_t count = 0;
        if (way == 0) count = scene.space(0).use(S::range(0, 8)).resident.raw();
        if (way == 1) count = scene.space(0).statistics().resident.raw();
        if (way == 2) {
          (void)scene.space(0).visit_pages(
              S::range(0, 8), [&](const vm::PageState& state) { count += state.present ? 1 : 0; });
        }
        require(count == 2, "a page that moves is seen twice or nowhere");
      });
      scheduler.run();
      scene.settle({0});
      require(scene.read(0, 4) == 6, "contents have not moved");
      scene.finish();
    });
  }
}

TEMPLATE_TEST_CASE("an object lives while a fault asks it", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  beside_last_mapping<TestType>("fault", false,
                                [](S& scene) { (void)scene.touch(0, 1, Use::read); });
  beside_last_mapping<TestType>("fault of a borrower", true,
                                [](S& scene) { (void)scene.touch(1, 1, Use::read); });
  beside_last_mapping<TestType>("look of a borrower", true,
                                [](S& scene) { (void)scene.space(1).page_state(S::vpn(1)); });
}

TEMPLATE_TEST_CASE("a lent page is asked for while its lender unmaps it", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  for (const bool looks : {true, false}) {
    explore(1, [&](sim::Scheduler& scheduler) {
      S scene;
      scene.map(0, 1, 1);
      must(scene.space(1).borrow(scene.space(0), {S::range(1), Right::read | Right::write,
                                                  vm::Placement::fixed_at(S::vpn(1))}),
           "borrow");
      scene.activate(0, 0);
      scene.activate(1, 1);
      scene.write(1, 1, 5, 1);
      must(scene.space(1).advise(S::range(1), vm::Advice::dont_need), "dont_need");
      scheduler.spawn(0, [&] { must(scene.space(0).unmap(S::range(1)), "unmap"); });
      scheduler.spawn(1, [&] {
        if (looks) {
          (void)scene.space(1).page_state(S::vpn(1));
        } else {
          (void)scene.touch(1, 1, Use::write, 7);
        }
      });
      scheduler.run();
      scene.settle({0, 1});
      scene.on(1, [&] {
        require(!scene.touch(1, 1, Use::read).has_value(), "a borrower keeps what was unmapped");
      });
      scene.finish();
    });
  }
}

TEMPLATE_TEST_CASE("of two loans that would close a circle one is refused", "[race]",
                   TEST_FORMATS) {
  using S = Scene<TestType>;
  enum class How { borrow, map, apply };
  for (const How how : {How::borrow, How::map, How::apply}) {
    INFO("by " << (how == How::borrow ? "borrow" : how == How::map ? "map" : "apply"));
    explore(1, [&](sim::Scheduler& scheduler) {
      S scene;
      vm::ObjectRef lent[2];
      for (unsigned i = 0; i < 2; ++i) {
        scene.map(i, 1, 1);
        scene.activate(i, i);
        if (how == How::borrow) continue;
        auto object = scene.space(i).lend_range(S::range(1), Right::read);
        must(object, "lend_range");
        lent[i] = base::move(object).value();
      }
      base::Status results[2];
      for (unsigned i = 0; i < 2; ++i) {
        scheduler.spawn(i, [&, i] {
          auto& mine = scene.space(i);
          const vm::Placement placement = vm::Placement::fixed_at(S::vpn(4));
          if (how == How::borrow) {
            const auto made =
                mine.borrow(scene.space(1 - i), {S::range(1), Right::read, placement});
            if (!made.ok()) results[i] = made.error();
            return;
          }
          vm::SpaceChange change;
          change.kind = vm::SpaceChange::Kind::map;
          change.map = scene.request(4, 1);
          change.map.access = change.map.max_access = Right::read;
          change.map.sharing = vm::Sharing::shared;
          change.map.object = lent[1 - i].get();
          if (how == How::map) {
            const auto made = mine.map(change.map);
            if (!made.ok()) results[i] = made.error();
          } else {
            results[i] = mine.apply(base::Span<vm::SpaceChange>(&change, 1), nullptr).status;
          }
        });
      }
      scheduler.run();
      require(results[0].ok() != results[1].ok(), "not exactly one of two loans is made");
      for (const base::Status& result : results) {
        require(result.ok() || result.error() == base::Error::would_deadlock, "refused otherwise");
      }
      for (vm::ObjectRef& object : lent) object.reset();
      scene.finish();
    });
  }
}
