// Faults beside an operation that takes away what they fill in, under every schedule with one
// preemption: no entry is made over one that a CPU remembers, none stays that nobody removes.
#include <catch2/catch.hpp>

#include "race/scene.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using namespace race;

// CPU 0 makes the operation while CPU 1, of the same space, writes to page 1, of which both CPUs
// remember that it can be read.
template <class F>
void beside_write(const char* what, const std::function<void(Scene<F>&)>& operation) {
  INFO(what);
  explore(1, [&](sim::Scheduler& scheduler) {
    Scene<F> scene;
    scene.map(0, 0, 4);
    scene.map(1, 0, 4);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scene.activate(cpu, 0);
      (void)scene.read(0, 1, cpu);
    }
    scheduler.spawn(0, [&] { operation(scene); });
    scheduler.spawn(1, [&] { (void)scene.touch(0, 1, Use::write, 7); });
    scheduler.run();
    scene.settle({0, 0});
    // What is written from now on is this space's alone.
    if (scene.space(0).page_state(scene.vpn(1)).mapped) {
      scene.write(0, 1, 9, 1);
      require(scene.read(0, 1, 0) == 9, "another CPU does not see a write");
    }
    scene.activate(2, 1);
    const std::optional<uint64_t> other = scene.read(1, 1, 2);
    require(other != 9, "another space sees a write");
    scene.finish();
  });
}

// Pages of space 1 to the same place in space 0, by itself or as a batch.
template <class F>
void transfer(Scene<F>& scene, uint64_t page, uint64_t count, bool batch) {
  const vm::TransferRequest request{scene.range(page, count),
                                    vm::Placement::fixed_at(scene.vpn(page))};
  if (!batch) {
    must(scene.space(0).transfer(scene.space(1), request), "transfer");
    return;
  }
  vm::SpaceChange change;
  change.kind = vm::SpaceChange::Kind::transfer;
  change.transfer = request;
  const auto changes = base::Span<vm::SpaceChange>(&change, 1);
  must(scene.space(0).apply(changes, &scene.space(1)).status, "apply");
}

}  // namespace

TEMPLATE_TEST_CASE("a write beside an operation on its page", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  beside_write<TestType>("dont_need", [](S& scene) {
    must(scene.space(0).advise(S::range(1), vm::Advice::dont_need), "advise");
  });
  beside_write<TestType>("map over it", [](S& scene) { scene.map(0, 1, 1); });
  beside_write<TestType>("move, mapping left", [](S& scene) {
    vm::RemapRequest request;
    request.source = S::range(1);
    request.new_count = PageCount(1);
    request.move = vm::RemapRequest::Move::fixed;
    request.target = S::vpn(6);
    request.source_becomes = vm::RemapRequest::Source::leave;
    must(scene.space(0).remap(request), "remap");
  });
  beside_write<TestType>("clone", [](S& scene) {
    must(scene.space(1).unmap(S::range(0, 4)), "unmap");
    scene.clone();
  });
  beside_write<TestType>("batch", [](S& scene) {
    vm::SpaceChange change;
    change.kind = vm::SpaceChange::Kind::advise;
    change.range = S::range(1);
    change.advice = vm::Advice::dont_need;
    must(scene.space(0).apply(base::Span<vm::SpaceChange>(&change, 1), nullptr).status, "apply");
  });
}

// While a CPU may still write to what the clone has been given, none writes elsewhere: the clone
// would have the second write and not the first.
TEMPLATE_TEST_CASE("a clone has what was written before it, not after", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(1, [&](sim::Scheduler& scheduler) {
    S scene;
    scene.map(0, 0, 4);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
    scene.write(0, 1, 3, 1);
    scheduler.spawn(0, [&] { scene.clone(); });
    scheduler.spawn(1, [&] {
      (void)scene.touch(0, 2, Use::write, 7);
      (void)scene.touch(0, 1, Use::write, 8);
    });
    scheduler.run();
    scene.settle({0, 0});
    scene.activate(2, 1);
    const std::optional<uint64_t> first = scene.read(1, 2, 2);
    const std::optional<uint64_t> second = scene.read(1, 1, 2);
    require(second == 3 || (second == 8 && first == 7), "a clone has the later write alone");
    require(scene.read(0, 2) == 7 && scene.read(0, 1) == 8, "a write is lost");
    scene.finish();
  });
}

TEMPLATE_TEST_CASE("a write beside a transfer, on either side", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  for (const bool batch : {false, true}) {
    for (const unsigned runs : {0u, 1u}) {  // the space that CPU 1 runs: 0 receives, 1 gives
      INFO((batch ? "batch" : "transfer") << ", beside the " << (runs == 0 ? "receiver" : "giver"));
      explore(1, [&](sim::Scheduler& scheduler) {
        S scene;
        scene.map(0, 0, 2);
        scene.map(1, 1, 3);
        scene.activate(0, 1);
        scene.write(1, 1, 5);
        scene.activate(0, 0);
        scene.activate(1, runs);
        (void)scene.read(0, 1, runs == 0 ? 1 : 0);
        scheduler.spawn(0, [&] { transfer(scene, 1, 2, batch); });
        // Page 2 of the giver has never been touched.
        scheduler.spawn(1, [&] { (void)scene.touch(runs, runs == 0 ? 1 : 2, Use::write, 7); });
        scheduler.run();
        scene.settle({0, int(runs)});
        const std::optional<uint64_t> value = scene.read(0, 1);
        require(value == 5 || (runs == 0 && value == 7), "a page arrives with other contents");
        scene.finish();
      });
    }
  }
}

// What a fault of the giver makes while its memory moves, moves too: nothing that was written is
// lost.
TEMPLATE_TEST_CASE("a first write of the giver beside a transfer", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  for (const bool batch : {false, true}) {
    INFO((batch ? "batch" : "transfer"));
    explore(1, [&](sim::Scheduler& scheduler) {
      S scene;
      scene.map(1, 0, 4);
      scene.activate(1, 1);
      scene.write(1, 0, 3, 1);  // the table is there, and stays
      scene.write(1, 2, 5, 1);
      scene.activate(0, 0);
      bool wrote = false;
      scheduler.spawn(0, [&] { transfer(scene, 1, 2, batch); });
      scheduler.spawn(1, [&] { wrote = scene.touch(1, 1, Use::write, 7).has_value(); });
      scheduler.run();
      scene.settle({0, 1});
      require(scene.read(0, 1) == (wrote ? 7 : 0), "what the giver wrote has not arrived");
      require(scene.read(0, 2) == 5, "a page arrives with other contents");
      scene.finish();
    });
  }
}

// Once a CPU can read the page at the receiver no CPU writes to it through the giver.
TEMPLATE_TEST_CASE("a page that has arrived is written by its new owner alone", "[race]",
                   TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(2, [&](sim::Scheduler& scheduler) {
    S scene;
    scene.map(0, 5, 1);
    scene.map(1, 1, 1);
    scene.activate(1, 1);
    scene.write(1, 1, 5, 1);
    scene.activate(2, 0);
    scene.activate(0, 0);
    scheduler.spawn(0, [&] {
      must(scene.space(0).transfer(scene.space(1),
                                   {S::range(1), vm::Placement::fixed_at(S::vpn(1))}),
           "transfer");
    });
    scheduler.spawn(1, [&] {
      if (const auto word = scene.hardware(1, Use::write)) **word = 7;
    });
    scheduler.spawn(2, [&] {
      const auto before = scene.hardware(1, Use::read);
      if (!before) return;
      const uint64_t value = **before;
      const auto after = scene.hardware(1, Use::read);
      require(!after || **after == value, "the giver writes to a page that has arrived");
    });
    scheduler.run();
    scene.settle({0, 1, 0});
    scene.finish();
  });
}

TEMPLATE_TEST_CASE("a first touch beside the removal of memory that had no pages", "[race]",
                   TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(2, [&](sim::Scheduler& scheduler) {
    S scene;
    scene.map(0, 0, 4);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
    scene.write(0, 0, 1);
    scheduler.spawn(0, [&] { must(scene.space(0).unmap(S::range(3)), "unmap"); });
    scheduler.spawn(1, [&] { (void)scene.touch(0, 3, Use::write, 7); });
    scheduler.run();
    scene.settle({0, 0});
    scene.finish();
  });
}

// A fault that has found its mapping makes the path to the page; where tables were taken from that
// path no CPU may remember them any more.
TEMPLATE_TEST_CASE("a first touch beside the removal of the tables on its path", "[race]",
                   TEST_FORMATS) {
  using S = Scene<TestType>;
  for (const uint64_t count : {uint64_t(4), uint64_t(1) << 19}) {  // trimmed; removed whole
    explore(2, [&](sim::Scheduler& scheduler) {
      S scene;
      // Aligned to 1 GiB: page 0 is the first of a table of tables.
      const uint64_t first = (uint64_t(1) << 19) - S::first_page;
      scene.map(0, first, count);
      for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
      scene.write(0, first, 1);
      scheduler.spawn(0, [&] { must(scene.space(0).unmap(S::range(first, count)), "unmap"); });
      scheduler.spawn(1, [&] { (void)scene.touch(0, first + 2, Use::write, 7); });
      scheduler.run();
      scene.settle({0, 0});
      scene.finish();
    });
  }
}

TEMPLATE_TEST_CASE("a fault beside an object that lets its pages go", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  for (const bool remembered : {false, true}) {
    INFO((remembered ? "the page can be read" : "the page is not in the tables"));
    explore(1, [&](sim::Scheduler& scheduler) {
      S scene;
      auto object = std::make_unique<typename S::Object>(scene.objects, PageCount(4));
      scene.map_object(0, 0, 1, *object);
      for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
      scene.write(0, 0, 5);
      if (remembered) {
        // Read only, until the fault finds that it may be written.
        must(scene.space(0).protect(S::range(0), Right::read), "protect");
        must(scene.space(0).protect(S::range(0), Right::read | Right::write), "protect");
        for (uint32_t cpu = 0; cpu < 2; ++cpu) (void)scene.read(0, 0, cpu);
      } else {
        must(scene.space(0).advise(S::range(0), vm::Advice::dont_need), "dont_need");
      }
      scheduler.spawn(
          0, [&] { must(scene.space(0).advise(S::range(0), vm::Advice::remove), "remove"); });
      scheduler.spawn(1, [&] { (void)scene.touch(0, 0, Use::write, 7); });
      scheduler.run();
      scene.settle({0, 0});
      const std::optional<uint64_t> value = scene.read(0, 0);
      require(value == 0 || value == 7, "contents that were removed are back");
      {
        typename vm::Epochs<sim::Host<TestType>>::Section section(scene.system.epochs());
        const vm::PageAnswer now = object->resident(vm::ObjectPage(0));
        require(now.is_page(), "the page is not the object's");
        require(now.frame() == scene.space(0).page_state(S::vpn(0)).frame,
                "the space has another page than the object");
        scene.world.system->drop_frame(now.frame());
      }
      must(scene.space(0).unmap(S::range(0)), "unmap");
      object->release();
      scene.finish();
    });
  }
}

namespace {

// Gives a page at once.
template <class Frames>
class QuickPager final : public vm::Pager {
 public:
  explicit QuickPager(Frames& frames) : frames_(frames) {}
  base::Status request(vm::MemoryObject& object, vm::ObjectRange pages, uint64_t ticket) override {
    const base::Pfn frames[] = {frames_.allocate(vm::Contents::zero).value()};
    const base::Bytes offset(pages.first().raw() << base::page_shift);
    return static_cast<vm::Paged<Frames>&>(object).attach(ticket, offset, frames);
  }
  base::Status write_back(vm::MemoryObject&, const vm::WriteBack&) override {
    return base::Error::io;
  }

 private:
  Frames& frames_;
};

}  // namespace

// What the index of an object says is changed by one at a time: no page is entered where one is
// being taken out, and all are counted.
TEMPLATE_TEST_CASE("a fault beside an object that shrinks", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(1, [&](sim::Scheduler& scheduler) {
    S scene;
    auto object = std::make_unique<typename S::Object>(scene.objects, PageCount(4));
    scene.map_object(0, 0, 4, *object);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) scene.activate(cpu, 0);
    scene.write(0, 1, 5);
    scheduler.spawn(0, [&] { must(object->resize(PageCount(1)), "resize"); });
    scheduler.spawn(1, [&] {
      (void)scene.touch(0, 0, Use::write, 7);
      (void)scene.touch(0, 2, Use::write, 8);
    });
    scheduler.run();
    scene.settle({0, 0});
    object->check();
    require(object->resident_pages() == PageCount(1), "another number of pages is left");
    require(scene.read(0, 0) == 7, "a page that stays is lost");
    require(!scene.read(0, 1) && !scene.read(0, 2), "a page past the end is there");
    must(scene.space(0).unmap(S::range(0, 4)), "unmap");
    object->release();
    scene.finish();
  });
}

// CPUs can read the page and remember it so; the fault of a write asks the pager for another.
TEMPLATE_TEST_CASE("a first write beside the removal of a pager's page", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(1, [&](sim::Scheduler& scheduler) {
    S scene;
    QuickPager<typename S::Frames> pager(scene.world.frames);
    auto object = std::make_unique<typename S::Paged>(
        scene.objects, pager, PageCount(1),
        Right::read | Right::write | Right::execute | Right::user);
    scene.map_object(0, 0, 1, *object);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scene.activate(cpu, 0);
      (void)scene.read(0, 0, cpu);
    }
    scheduler.spawn(
        0, [&] { must(object->discard({vm::ObjectPage(0), vm::ObjectPage(1)}), "discard"); });
    scheduler.spawn(1, [&] { (void)scene.touch(0, 0, Use::write, 7); });
    scheduler.run();
    scene.settle({0, 0});
    const std::optional<uint64_t> value = scene.read(0, 0);
    require(value == 0 || value == 7, "contents that nobody wrote");
    object->check();
    require(object->resident_pages() == PageCount(1), "a page is not counted");
    must(scene.space(0).unmap(S::range(0)), "unmap");
    object->release();
    scene.finish();
  });
}

TEMPLATE_TEST_CASE("two removals of a pager's page", "[race]", TEST_FORMATS) {
  using S = Scene<TestType>;
  explore(1, [&](sim::Scheduler& scheduler) {
    S scene;
    QuickPager<typename S::Frames> pager(scene.world.frames);
    auto object = std::make_unique<typename S::Paged>(
        scene.objects, pager, PageCount(1),
        Right::read | Right::write | Right::execute | Right::user);
    scene.map_object(0, 0, 1, *object);
    scene.activate(0, 0);
    scene.write(0, 0, 5);
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(
          cpu, [&] { must(object->discard({vm::ObjectPage(0), vm::ObjectPage(1)}), "discard"); });
    }
    scheduler.run();
    scene.settle({0});
    object->check();
    require(object->resident_pages().is_zero(), "a page is left, or counted twice");
    must(scene.space(0).unmap(S::range(0)), "unmap");
    object->release();
    scene.finish();
  });
}
