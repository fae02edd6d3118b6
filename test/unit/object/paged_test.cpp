// Paged objects: a pager that answers well, badly, late and never.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "test/unit/object/objects.h"
#include "vm/object/paged.h"

using namespace object_test;
using base::Bytes;
using base::Right;
using base::Span;
using base::Status;
using Paged = vm::Paged<Allocator>;
using Answer = PageAnswer::Kind;

namespace {

constexpr base::Access all_rights = Right::read | Right::write | Right::execute | Right::user;

// Keeps what it is asked, and a store of contents.
class TestPager final : public vm::Pager {
 public:
  struct Request {
    ObjectRange pages;
    uint64_t ticket;
  };
  struct Out {
    uint64_t ticket;
    ObjectPage first;
    std::vector<Pfn> frames;
  };

  Status request(vm::MemoryObject&, ObjectRange range, uint64_t ticket) override {
    if (refuse) return Error::would_block;
    requests.push_back({range, ticket});
    if (answer_at_once) answer_at_once(range, ticket);
    return {};
  }
  Status write_back(vm::MemoryObject&, const vm::WriteBack& out) override {
    if (refuse) return Error::io;
    outs.push_back({out.ticket, out.first, {out.frames.begin(), out.frames.end()}});
    return {};
  }

  std::vector<Request> requests;
  std::vector<Out> outs;
  bool refuse = false;
  std::function<void(ObjectRange, uint64_t)> answer_at_once;
};

struct PagedFixture : Fixture {
  explicit PagedFixture(uint64_t size = 100)
      : object(system, pager, PageCount(size), all_rights,
               {this, [](void* self, vm::MemoryObject&, ObjectRange range) {
                  static_cast<PagedFixture*>(self)->notified.push_back(range);
                }}) {}
  ~PagedFixture() {
    if (object.references() != 0) {
      object.check();
      object.release();
    }
  }

  Pfn filled(unsigned char value) {
    const Pfn frame = memory.frames.allocate().value();
    memset(memory.host.window(frame), value, 4096);
    return frame;
  }
  Status attach(uint64_t ticket, uint64_t page, std::vector<Pfn> frames) {
    const Status status =
        object.attach(ticket, Bytes(page * 4096), Span<const Pfn>(frames.data(), frames.size()));
    object.check();
    if (!status.ok()) return status.error();
    return {};
  }
  // Asks for the page and answers what is asked.
  void bring(uint64_t page, unsigned char value) {
    const PageAnswer answer = ask(object, page);
    REQUIRE(answer.kind() == Answer::wait);
    REQUIRE(attach(answer.wait().ticket, page, {filled(value)}).ok());
  }
  // Status code of an attach of a fresh frame that must be refused, which is given back.
  Error refused(uint64_t ticket, uint64_t page) {
    const Pfn frame = filled(1);
    const Error error = attach(ticket, page, {frame}).error();
    CHECK(memory.frames.records().of(frame).state() == vm::FrameState::owned);
    CHECK(memory.frames.records().of(frame).references() == 1);
    memory.frames.free(frame);
    return error;
  }

  TestPager pager;
  std::vector<ObjectRange> notified;
  Paged object;
};

}  // namespace

TEST_CASE("a page is asked for once, waited for, and then there") {
  PagedFixture it;
  const PageAnswer first = it.ask(it.object, 7);
  REQUIRE(first.kind() == Answer::wait);
  const PageAnswer second = it.ask(it.object, 7);
  REQUIRE(second.kind() == Answer::wait);
  CHECK(second.wait().ticket == first.wait().ticket);
  REQUIRE(it.pager.requests.size() == 1);
  CHECK(it.pager.requests[0].pages == pages(7, 1));
  CHECK(!it.object.is_over(first.wait()));
  CHECK(it.attach(first.wait().ticket, 7, {it.filled(42)}).ok());
  CHECK(it.object.is_over(first.wait()));
  REQUIRE(it.notified.size() == 1);
  CHECK(it.notified[0] == pages(7, 1));
  CHECK(it.window(it.peek(it.object, 7))[100] == 42);
  CHECK(it.object.resident_pages().raw() == 1);
}

TEST_CASE("a pager that answers while it is asked keeps nobody waiting") {
  PagedFixture it;
  it.pager.answer_at_once = [&](ObjectRange range, uint64_t ticket) {
    CHECK(it.attach(ticket, range.first().raw(), {it.filled(9)}).ok());
  };
  CHECK(it.window(it.peek(it.object, 7))[0] == 9);
  CHECK(it.pager.requests.size() == 1);
  // One that fails the page at once refuses it.
  it.pager.answer_at_once = [&](ObjectRange range, uint64_t ticket) {
    CHECK(it.object.fail(ticket, range).ok());
  };
  const PageAnswer failed = it.ask(it.object, 8);
  REQUIRE(failed.kind() == Answer::refused);
  CHECK(failed.error() == Error::bus);
}

TEST_CASE("pages that will be needed are asked for in one batch") {
  PagedFixture it;
  it.bring(5, 5);
  {
    Section section(it.epochs);
    it.object.will_need(pages(0, 20));
  }
  REQUIRE(it.pager.requests.size() == 3);
  CHECK(it.pager.requests[1].pages == pages(0, 5));
  CHECK(it.pager.requests[2].pages == pages(6, 14));
  CHECK(it.attach(it.pager.requests[2].ticket, 6, {it.filled(6), it.filled(7)}).ok());
  CHECK(it.window(it.peek(it.object, 7))[0] == 7);
  CHECK(it.attach(it.pager.requests[2].ticket, 15, {it.filled(15)}).ok());
  // Past the end is not asked for.
  it.object.will_need(pages(95, 100));
  CHECK(it.pager.requests.back().pages == pages(95, 5));
}

TEST_CASE("a repeated reply is an error") {
  PagedFixture it;
  it.bring(3, 1);
  const uint64_t ticket = it.pager.requests[0].ticket;
  CHECK(it.refused(ticket, 3) == Error::already_exists);
  CHECK(it.window(it.peek(it.object, 3))[0] == 1);
}

TEST_CASE("a reply nobody asked for is an error") {
  PagedFixture it;
  const PageAnswer answer = it.ask(it.object, 3);
  CHECK(it.refused(answer.wait().ticket, 4) == Error::not_found);
  CHECK(it.refused(answer.wait().ticket + 1, 3) == Error::not_found);
  CHECK(it.refused(0, 50) == Error::not_found);
  CHECK(it.refused(answer.wait().ticket, 1ULL << 40) == Error::not_found);
  CHECK(!it.object.is_over(answer.wait()));
}

TEST_CASE("a misaligned, empty or boundless reply is an error") {
  PagedFixture it;
  const uint64_t ticket = it.ask(it.object, 1).wait().ticket;
  const Pfn frame[] = {it.filled(1)};
  CHECK(it.object.attach(ticket, Bytes(4097), frame).error() == Error::invalid_argument);
  CHECK(it.object.attach(ticket, Bytes(4095), frame).error() == Error::invalid_argument);
  CHECK(it.object.attach(ticket, Bytes(4096), {}).error() == Error::invalid_argument);
  CHECK(it.object.attach(ticket, Bytes(~0ULL - 4095), frame).error() == Error::not_found);
  const Pfn two[] = {frame[0], frame[0]};
  CHECK(it.object.attach(ticket, Bytes(~0ULL - 4095), two).error() == Error::invalid_argument);
  CHECK(it.object.attach(ticket, Bytes(4096), frame).ok());
}

TEST_CASE("a foreign frame is an error and nothing of its reply is taken") {
  PagedFixture it;
  {
    Section section(it.epochs);
    it.object.will_need(pages(0, 4));
  }
  const uint64_t ticket = it.pager.requests[0].ticket;
  vm::FrameRecords& records = it.memory.frames.records();
  const Pfn good = it.filled(1);
  const Pfn foreign = it.filled(2);
  const auto refused = [&](Pfn bad) {
    CHECK(it.attach(ticket, 0, {good, bad}).error() == Error::access_denied);
    CHECK(records.of(good).state() == vm::FrameState::owned);
    CHECK(it.object.resident_pages().raw() == 0);
  };
  refused(good);                   // the same frame twice
  refused(Pfn(3));                 // no RAM
  refused(Pfn((1 << 18) + 2047));  // reserved RAM
  records.of(foreign).set_state(vm::FrameState::private_page);
  refused(foreign);  // somebody's page
  records.of(foreign).set_state(vm::FrameState::owned);
  REQUIRE(records.of(foreign).add_references().ok());
  refused(foreign);  // shared
  it.memory.frames.drop(foreign);
  REQUIRE(records.of(foreign).add_page_pin().ok());
  refused(foreign);  // pinned
  records.of(foreign).remove_page_pin();
  const Pfn block = it.memory.frames.allocate_block({.order = 2}).value();
  refused(block);
  refused(block + PageCount(1));
  it.memory.frames.free(block);
  CHECK(it.attach(ticket, 0, {good, foreign}).ok());
}

TEST_CASE("a page the pager cannot give is a bus error once and then asked for again") {
  PagedFixture it;
  const PageAnswer answer = it.ask(it.object, 9);
  const uint64_t ticket = answer.wait().ticket;
  CHECK(it.object.fail(ticket, pages(10, 5)).error() == Error::not_found);
  CHECK(it.object.fail(ticket + 1, pages(9, 1)).error() == Error::not_found);
  CHECK(it.object.fail(ticket, pages(0, 100)).ok());
  CHECK(it.object.is_over(answer.wait()));
  CHECK(it.notified.size() == 1);
  CHECK(it.refused(ticket, 9) == Error::not_found);  // late
  CHECK(it.ask(it.object, 9).error() == Error::bus);
  const PageAnswer again = it.ask(it.object, 9);
  REQUIRE(again.kind() == Answer::wait);
  CHECK(again.wait().ticket != ticket);
  CHECK(it.refused(ticket, 9) == Error::not_found);  // an answer to the old request
  CHECK(it.attach(again.wait().ticket, 9, {it.filled(3)}).ok());
}

TEST_CASE("a pager that refuses a request leaves the page as it was") {
  PagedFixture it;
  it.pager.refuse = true;
  CHECK(it.ask(it.object, 2).error() == Error::would_block);
  it.object.check();
  it.pager.refuse = false;
  CHECK(it.ask(it.object, 2).kind() == Answer::wait);
}

TEST_CASE("a dead pager owes nothing and answers nothing") {
  PagedFixture it;
  it.bring(1, 11);
  const PageAnswer waiting = it.ask(it.object, 2);
  it.object.pager_died();
  CHECK(it.object.is_dead());
  CHECK(it.object.is_over(waiting.wait()));
  CHECK(!it.notified.empty());
  CHECK(it.ask(it.object, 2).error() == Error::bus);
  CHECK(it.ask(it.object, 50).error() == Error::bus);
  CHECK(it.window(it.peek(it.object, 1))[0] == 11);
  CHECK(it.refused(waiting.wait().ticket, 2) == Error::dead);
  CHECK(it.object.fail(waiting.wait().ticket, pages(0, 9)).error() == Error::dead);
  CHECK(it.object.written(5, {}).error() == Error::dead);
  {
    Section section(it.epochs);
    it.object.will_need(pages(0, 50));
  }
  CHECK(it.pager.requests.size() == 2);
  it.object.pager_died();
}

TEST_CASE("truncation makes bus errors, cancels requests and refuses late replies") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(10, 1);
  it.bring(60, 2);
  space.put(ObjectPage(10), it.ask(it.object, 10), false);
  space.put(ObjectPage(60), it.ask(it.object, 60), false);
  const PageAnswer waiting = it.ask(it.object, 61);
  it.notified.clear();
  REQUIRE(it.object.resize(PageCount(60)).ok());
  CHECK(it.object.is_over(waiting.wait()));
  REQUIRE(it.notified.size() == 1);
  CHECK(it.notified[0] == pages(60, 40));
  CHECK(space.entries.size() == 1);
  CHECK(it.ask(it.object, 60).error() == Error::bus);
  CHECK(it.ask(it.object, 61).error() == Error::bus);
  CHECK(it.refused(waiting.wait().ticket, 61) == Error::not_found);
  REQUIRE(it.object.resize(PageCount(100)).ok());
  CHECK(it.refused(waiting.wait().ticket, 61) == Error::not_found);
  CHECK(it.ask(it.object, 60).kind() == Answer::wait);  // asked anew, not the old contents
  CHECK(it.object.resize(PageCount(1ULL << 53)).error() == Error::invalid_argument);
}

TEST_CASE("written pages go to the pager, in runs, once") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  for (const uint64_t page : {1, 2, 3, 5}) {
    it.bring(page, uint8_t(page));
    space.put(ObjectPage(page), it.ask(it.object, page), true);
  }
  vm::SyncRun nothing(pages(0, 100));
  CHECK(it.object.sync(nothing).kind() == vm::SyncAnswer::Kind::done);
  CHECK(it.pager.outs.empty());
  space.put(ObjectPage(1), it.ask(it.object, 1), true);
  for (const uint64_t page : {1, 2, 5}) {
    space.put(ObjectPage(page), it.ask(it.object, page), true);
    space.write(page, 99);
  }
  vm::SyncRun run(pages(0, 100));
  vm::SyncAnswer answer = it.object.sync(run);
  REQUIRE(answer.kind() == vm::SyncAnswer::Kind::wait);
  REQUIRE(it.pager.outs.size() == 2);
  CHECK(it.pager.outs[0].first == ObjectPage(1));
  CHECK(it.pager.outs[0].frames.size() == 2);
  CHECK(it.pager.outs[1].first == ObjectPage(5));
  CHECK(it.window(it.pager.outs[1].frames[0])[123] == 99);
  CHECK(!space.entries.at(1).writable);  // a later write faults
  it.object.check();
  CHECK(!it.object.is_over(answer.wait()));
  for (const auto& out : std::vector(it.pager.outs)) {
    CHECK(it.object.written(out.ticket, {}).ok());
    CHECK(it.object.written(out.ticket, {}).error() == Error::not_found);
  }
  CHECK(it.object.is_over(answer.wait()));
  CHECK(it.object.sync(run).kind() == vm::SyncAnswer::Kind::done);
  vm::SyncRun again(pages(0, 100));
  CHECK(it.object.sync(again).kind() == vm::SyncAnswer::Kind::done);
  CHECK(it.pager.outs.size() == 2);
}

TEST_CASE("a page written during its write-back is written back again") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(4, 1);
  space.put(ObjectPage(4), it.ask(it.object, 4, PageUse::write), true);
  space.write(4, 2);
  vm::SyncRun first(pages(4, 1));
  REQUIRE(it.object.sync(first).kind() == vm::SyncAnswer::Kind::wait);
  space.put(ObjectPage(4), it.ask(it.object, 4, PageUse::write), true);
  space.write(4, 3);
  vm::SyncRun second(pages(4, 1));
  REQUIRE(it.object.sync(second).kind() == vm::SyncAnswer::Kind::wait);
  CHECK(it.pager.outs.size() == 1);
  REQUIRE(it.object.written(it.pager.outs[0].ticket, {}).ok());
  CHECK(it.object.sync(first).kind() == vm::SyncAnswer::Kind::done);
  REQUIRE(it.object.sync(second).kind() == vm::SyncAnswer::Kind::wait);
  REQUIRE(it.pager.outs.size() == 2);
  CHECK(it.window(it.pager.outs[1].frames[0])[123] == 3);
  REQUIRE(it.object.written(it.pager.outs[1].ticket, {}).ok());
  CHECK(it.object.sync(second).kind() == vm::SyncAnswer::Kind::done);
}

TEST_CASE("a failed write-back is reported once and the page stays dirty") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(4, 1);
  space.put(ObjectPage(4), it.ask(it.object, 4, PageUse::write), true);
  space.write(4, 2);
  vm::SyncRun run(pages(0, 10));
  REQUIRE(it.object.sync(run).kind() == vm::SyncAnswer::Kind::wait);
  REQUIRE(it.object.written(it.pager.outs[0].ticket, Error::io).ok());
  vm::SyncAnswer answer = it.object.sync(run);
  CHECK(answer.kind() == vm::SyncAnswer::Kind::failed);
  CHECK(answer.error() == Error::io);
  it.pager.refuse = true;
  vm::SyncRun refused(pages(0, 10));
  CHECK(it.object.sync(refused).kind() == vm::SyncAnswer::Kind::failed);
  it.pager.refuse = false;
  vm::SyncRun again(pages(0, 10));
  REQUIRE(it.object.sync(again).kind() == vm::SyncAnswer::Kind::wait);
  REQUIRE(it.object.written(it.pager.outs.back().ticket, {}).ok());
  CHECK(it.object.sync(again).kind() == vm::SyncAnswer::Kind::done);
}

TEST_CASE("more dirty runs than fit in flight are written in turn") {
  PagedFixture it(400);
  FakeSpace space(it.memory, it.mappers);
  for (uint64_t page = 0; page < 400; page += 2) {
    it.bring(page, 1);
    space.put(ObjectPage(page), it.ask(it.object, page, PageUse::write), true);
    space.write(page, 2);
  }
  vm::SyncRun run(pages(0, 400));
  std::set<uint64_t> stored;
  size_t handled = 0;
  for (;;) {
    const vm::SyncAnswer answer = it.object.sync(run);
    it.object.check();
    for (; handled < it.pager.outs.size(); ++handled) {
      const auto out = it.pager.outs[handled];
      for (uint64_t i = 0; i < out.frames.size(); ++i) stored.insert(out.first.raw() + i);
      REQUIRE(it.object.written(out.ticket, {}).ok());
    }
    if (answer.kind() != vm::SyncAnswer::Kind::wait) {
      CHECK(answer.kind() == vm::SyncAnswer::Kind::done);
      break;
    }
  }
  CHECK(stored.size() == 200);
}

TEST_CASE("truncation during a write-back keeps the frames until it is over") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(50, 1);
  space.put(ObjectPage(50), it.ask(it.object, 50, PageUse::write), true);
  space.write(50, 2);
  vm::SyncRun run(pages(0, 100));
  REQUIRE(it.object.sync(run).kind() == vm::SyncAnswer::Kind::wait);
  const Pfn frame = it.pager.outs[0].frames[0];
  REQUIRE(it.object.resize(PageCount(20)).ok());
  it.epochs.synchronize();
  CHECK(it.memory.frames.records().of(frame).references() == 1);
  CHECK(it.window(frame)[123] == 2);
  it.object.check();
  REQUIRE(it.object.written(it.pager.outs[0].ticket, {}).ok());
  CHECK(it.object.sync(run).kind() == vm::SyncAnswer::Kind::done);
}

TEST_CASE("a pager that dies writing back leaves pages dirty and sync says so") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(4, 1);
  space.put(ObjectPage(4), it.ask(it.object, 4, PageUse::write), true);
  space.write(4, 2);
  vm::SyncRun run(pages(0, 10));
  REQUIRE(it.object.sync(run).kind() == vm::SyncAnswer::Kind::wait);
  it.object.pager_died();
  it.object.check();
  CHECK(it.object.written(it.pager.outs[0].ticket, {}).error() == Error::dead);
  CHECK(it.object.sync(run).kind() == vm::SyncAnswer::Kind::failed);
  vm::SyncRun again(pages(0, 10));
  CHECK(it.object.sync(again).error() == Error::dead);
  CHECK(it.window(it.peek(it.object, 4))[123] == 2);
}

TEST_CASE("discarded pages are asked for again") {
  PagedFixture it;
  FakeSpace space(it.memory, it.mappers);
  it.bring(4, 1);
  space.put(ObjectPage(4), it.ask(it.object, 4), false);
  const PageAnswer waiting = it.ask(it.object, 5);
  REQUIRE(it.object.discard(pages(0, 100)).ok());
  CHECK(space.entries.empty());
  CHECK(!it.object.is_over(waiting.wait()));
  CHECK(it.ask(it.object, 4).kind() == Answer::wait);
  CHECK(it.attach(waiting.wait().ticket, 5, {it.filled(5)}).ok());
}

TEST_CASE("an object that dies while pages are owed and written leaks nothing") {
  PagedFixture it;
  {
    FakeSpace space(it.memory, it.mappers);
    it.bring(4, 1);
    space.put(ObjectPage(4), it.ask(it.object, 4, PageUse::write), true);
    space.write(4, 2);
    (void)it.ask(it.object, 5);
    vm::SyncRun run(pages(0, 10));
    REQUIRE(it.object.sync(run).kind() == vm::SyncAnswer::Kind::wait);
  }
  it.object.release();
}

TEST_CASE("without memory for the index a paged object is unchanged") {
  for (uint64_t left = 0; left < 4; ++left) {
    PagedFixture it(1ULL << 20);
    std::vector<Pfn> hog;
    while (it.available() > left) hog.push_back(it.memory.frames.allocate().value());
    const PageAnswer answer = it.ask(it.object, 1 << 19);
    it.object.check();
    if (answer.kind() == Answer::wait) {
      CHECK(it.pager.requests.size() == 1);
    } else {
      CHECK(answer.error() == Error::out_of_memory);
      CHECK(it.pager.requests.empty());
    }
    it.object.will_need(pages(1000, 3000));
    it.object.check();
    for (const Pfn frame : hog) it.memory.frames.free(frame);
    CHECK(it.ask(it.object, 1 << 19).kind() == Answer::wait);
  }
}

TEST_CASE("faults, answers, removal, truncation and death may happen at once") {
  PagedFixture it(64);
  std::atomic<bool> stop{false};
  struct Concurrent final : vm::Pager {
    std::mutex mutex;
    std::vector<std::pair<ObjectRange, uint64_t>> asked;
    Status request(vm::MemoryObject&, ObjectRange range, uint64_t ticket) override {
      std::lock_guard lock(mutex);
      asked.push_back({range, ticket});
      return {};
    }
    Status write_back(vm::MemoryObject&, const vm::WriteBack&) override { return Error::io; }
  } pager;
  Paged object(it.system, pager, PageCount(64), all_rights);
  std::vector<std::thread> threads;
  for (uint32_t c = 1; c < 3; ++c) {
    threads.emplace_back([&, c] {
      frame_test::this_cpu = c;
      std::mt19937 random(c);
      while (!stop) {
        {
          Section section(it.epochs);
          const PageAnswer answer = object.page(ObjectPage(random() % 70), PageUse::write);
          if (answer.is_page()) {
            if (it.window(answer.frame())[0] != 0x5a) std::abort();
            it.memory.frames.drop(answer.frame());
          }
        }
        (void)object.is_over({ObjectPage(random() % 70), 1 + random() % 100});
        if (random() % 8 == 0) (void)object.discard(pages(random() % 40, 24));
        sched_yield();
      }
    });
  }
  threads.emplace_back([&] {
    frame_test::this_cpu = 3;
    while (!stop) {
      std::vector<std::pair<ObjectRange, uint64_t>> batch;
      {
        std::lock_guard lock(pager.mutex);
        batch.swap(pager.asked);
      }
      for (const auto& [range, ticket] : batch) {
        const Pfn frame[] = {it.memory.frames.allocate().value()};
        memset(it.memory.host.window(frame[0]), 0x5a, 4096);
        const Bytes offset(range.first().raw() * 4096);
        if (ticket % 7 == 0) (void)object.fail(ticket, range);
        if (!object.attach(ticket, offset, frame).ok()) it.memory.frames.free(frame[0]);
      }
      sched_yield();
    }
  });
  for (int i = 0; i < 60; ++i) {
    vm::SyncRun run(pages(0, 64));
    (void)object.sync(run);
    (void)object.discard(pages(uint64_t(i) % 32, 24));
    vm::SyncRun rest(pages(0, 64));
    (void)object.sync(rest);
    if (i % 3 != 0) continue;
    (void)object.resize(PageCount(uint64_t(i) % 64));
    (void)object.resize(PageCount(64));
  }
  object.pager_died();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  object.check();
  object.release();
}
