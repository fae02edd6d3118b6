// SharedAnonymous and the PageIndex under it.
#include <catch2/catch.hpp>

#include <random>
#include <thread>

#include "test/unit/object/objects.h"
#include "vm/object/shared_anonymous.h"

using namespace object_test;
using SharedAnonymous = vm::SharedAnonymous<Allocator>;

TEST_CASE("pages of shared memory are zero, made once and shared") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(1000));
  {
    FakeSpace one(it.memory, it.mappers);
    FakeSpace two(it.memory, it.mappers);
    for (const uint64_t page : {0, 5, 511, 512, 999}) {
      one.put(ObjectPage(page), it.ask(object, page, PageUse::write), true);
      CHECK(one.at(page)[123] == 0);
      one.write(page, uint8_t(page + 1));
      two.put(ObjectPage(page), it.ask(object, page), false);
      CHECK(two.at(page)[123] == uint8_t(page + 1));
      CHECK(it.memory.frames.records().of(one.entries.at(page).frame).references() == 3);
    }
    CHECK(object.resident_pages().raw() == 5);
    object.check();
  }
  // The contents outlive the last mapping.
  CHECK(it.window(it.peek(object, 512))[123] == uint8_t(513));
  object.release();
}

TEST_CASE("pages past the end are bus errors and make nothing") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(10));
  const uint64_t before = it.available();
  CHECK(it.ask(object, 10).error() == Error::bus);
  CHECK(it.ask(object, ~0ULL >> 12).error() == Error::bus);
  CHECK(it.available() == before);
  object.release();
}

TEST_CASE("asking what is resident makes nothing") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(10));
  Section section(it.epochs);
  CHECK(object.resident(ObjectPage(3)).kind() == PageAnswer::Kind::absent);
  CHECK(object.resident_pages().raw() == 0);
  it.memory.frames.drop(object.page(ObjectPage(3), PageUse::read).frame());
  const PageAnswer answer = object.resident(ObjectPage(3));
  CHECK(answer.is_page());
  it.memory.frames.drop(answer.frame());
  CHECK(object.resident(ObjectPage(30)).kind() == PageAnswer::Kind::absent);
  object.release();
}

TEST_CASE("a sparse object costs what is touched") {
  Fixture it;
  const uint64_t far = (1ULL << 52) - 1;
  SharedAnonymous object(it.system, PageCount(1ULL << 52));
  const uint64_t before = it.available();
  const Pfn last = it.peek(object, far);
  const Pfn first = it.peek(object, 0);
  CHECK(first != last);
  CHECK(before - it.available() <= 2 + 6 + 6);
  CHECK(it.peek(object, far) == last);
  CHECK(it.peek(object, 0) == first);
  object.check();
  object.release();
}

TEST_CASE("shrinking takes pages from every space and growing shows zeros") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(2000));
  FakeSpace space(it.memory, it.mappers);
  for (const uint64_t page : {3, 700, 1500}) {
    space.put(ObjectPage(page), it.ask(object, page, PageUse::write), true);
    space.write(page, 9);
  }
  REQUIRE(object.resize(PageCount(700)).ok());
  CHECK(space.entries.size() == 1);
  CHECK(space.entries.count(3) == 1);
  CHECK(it.ask(object, 700).error() == Error::bus);
  object.check();
  REQUIRE(object.resize(PageCount(2000)).ok());
  space.put(ObjectPage(700), it.ask(object, 700), false);
  CHECK(space.at(700)[123] == 0);
  CHECK(space.at(3)[123] == 9);
  CHECK(object.resize(PageCount((1ULL << 52) + 1)).error() == Error::invalid_argument);
  REQUIRE(object.resize(PageCount(0)).ok());
  CHECK(object.resident_pages().raw() == 0);
  CHECK(space.entries.empty());
  object.check();
  object.release();
}

TEST_CASE("a private copy of a truncated page stays whole") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(10));
  const PageAnswer held = it.ask(object, 4);
  it.window(held.frame())[0] = 77;
  REQUIRE(object.resize(PageCount(0)).ok());
  it.epochs.synchronize();
  CHECK(it.memory.frames.records().of(held.frame()).references() == 1);
  CHECK(it.window(held.frame())[0] == 77);
  it.memory.frames.drop(held.frame());
  object.release();
}

TEST_CASE("discarded pages read as zeros") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(100));
  FakeSpace space(it.memory, it.mappers);
  for (uint64_t page = 0; page < 10; ++page) {
    space.put(ObjectPage(page), it.ask(object, page, PageUse::write), true);
    space.write(page, 5);
  }
  REQUIRE(object.discard(pages(2, 4)).ok());
  CHECK(object.resident_pages().raw() == 6);
  CHECK(space.entries.size() == 6);
  CHECK(it.window(it.peek(object, 2))[123] == 0);
  CHECK(it.window(it.peek(object, 6))[123] == 5);
  object.release();
}

TEST_CASE("a frame with as many references as can be counted is refused") {
  Fixture it;
  SharedAnonymous object(it.system, PageCount(10));
  const Pfn frame = it.peek(object, 0);
  vm::FrameRecord& record = it.memory.frames.records().of(frame);
  record.set_references_unchecked(vm::FrameRecord::reference_limit);
  CHECK(it.ask(object, 0).error() == Error::out_of_memory);
  record.set_references_unchecked(1);
  object.release();
}

TEST_CASE("running out of memory at any step changes nothing and leaks nothing") {
  for (uint64_t left = 0; left < 12; ++left) {
    Fixture it(256);
    SharedAnonymous object(it.system, PageCount(1ULL << 40));
    const uint64_t one = it.peek(object, 1).raw();
    std::vector<Pfn> hog;
    while (it.available() > left) {
      hog.push_back(it.memory.frames.allocate().value());
    }
    const uint64_t far = 1ULL << 39;
    const PageAnswer answer = it.ask(object, far);
    object.check();
    CHECK(it.peek(object, 1).raw() == one);
    if (answer.is_page()) {
      CHECK(left >= 2);
      it.memory.frames.drop(answer.frame());
    } else {
      CHECK(answer.error() == Error::out_of_memory);
      CHECK(object.resident_pages().raw() == 1);
    }
    for (const Pfn frame : hog) it.memory.frames.free(frame);
    it.memory.frames.drop(it.ask(object, far).frame());
    object.release();
  }
}

TEST_CASE("random use agrees with a map of pages") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Fixture it;
  SharedAnonymous object(it.system, PageCount(1200));
  std::map<uint64_t, unsigned char> model;
  uint64_t size = 1200;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t page = random() % 1300;
    switch (random() % 100) {
      case 0:
        size = random() % 1300;
        REQUIRE(object.resize(PageCount(size)).ok());
        model.erase(model.lower_bound(size), model.end());
        break;
      case 1: {
        const uint64_t count = random() % 100;
        REQUIRE(object.discard(pages(page, count)).ok());
        model.erase(model.lower_bound(page), model.lower_bound(page + count));
        break;
      }
      default: {
        const PageAnswer answer = it.ask(object, page, PageUse::write);
        REQUIRE(answer.is_page() == (page < size));
        if (!answer.is_page()) break;
        const auto known = model.find(page);
        REQUIRE(it.window(answer.frame())[0] == (known == model.end() ? 0 : known->second));
        model[page] = it.window(answer.frame())[0] = uint8_t(random());
        it.memory.frames.drop(answer.frame());
      }
    }
    if (i % 1000 == 0) object.check();
    REQUIRE(object.resident_pages().raw() == model.size());
  }
  object.release();
}

// Pages of four nodes of the index, so that nodes come and go too.
TEST_CASE("faults beside truncation keep no page of the old size") {
  constexpr uint64_t apart = 600;
  Fixture it;
  SharedAnonymous object(it.system, PageCount(4 * apart));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint32_t c = 1; c < cpus; ++c) {
    threads.emplace_back([&, c] {
      frame_test::this_cpu = c;
      std::mt19937 random(c);
      while (!stop) {
        if (random() % 16 == 0) (void)object.discard(pages(random() % 4 * apart, 16));
        Section section(it.epochs);
        const ObjectPage page(random() % 4 * apart + random() % 16);
        const PageAnswer answer = object.page(page, PageUse::write);
        if (answer.is_page()) {
          static_cast<unsigned char*>(it.memory.host.window(answer.frame()))[c] = uint8_t(c);
          it.memory.frames.drop(answer.frame());
        }
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    (void)object.resize(PageCount(uint64_t(i) % 5 * apart + uint64_t(i) % 16));
    (void)object.resize(PageCount(4 * apart));
    (void)object.discard(pages(0, apart + 8));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  object.check();
  object.release();
}
