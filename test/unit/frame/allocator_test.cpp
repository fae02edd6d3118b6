// FrameAllocator, Frame, FrameRef and Reservation, one CPU.
#include <catch2/catch.hpp>

#include <string.h>

#include <algorithm>
#include <set>
#include <vector>

#include "test/unit/frame/memory.h"
#include "vm/frame/frame.h"
#include "vm/frame/reservation.h"

using base::Error;
using frame_test::Memory;
using frame_test::PageCount;
using frame_test::Pfn;
using frame_test::PfnRange;
using frame_test::TestHost;
using vm::Contents;
using vm::FrameState;
using vm::Urgency;

namespace {

using Frame = vm::Frame<TestHost>;
using FrameRef = vm::FrameRef<TestHost>;
using Reservation = vm::Reservation<TestHost>;

bool is_zero(const void* memory) {
  const auto* bytes = static_cast<const unsigned char*>(memory);
  return std::all_of(bytes, bytes + 4096, [](unsigned char byte) { return byte == 0; });
}

// Takes every single frame there is.
std::vector<Pfn> take_all(Memory& memory, Urgency urgency = Urgency::normal) {
  std::vector<Pfn> taken;
  for (;;) {
    base::Result<Pfn> frame = memory.frames.allocate(Contents::unknown, urgency);
    if (!frame.ok()) {
      CHECK(frame.error() == Error::out_of_memory);
      return taken;
    }
    taken.push_back(frame.value());
  }
}

void give_all(Memory& memory, const std::vector<Pfn>& taken) {
  for (const Pfn frame : taken) memory.frames.free(frame);
}

}  // namespace

TEST_CASE("every managed frame can be had exactly once") {
  Memory memory(1000);
  const std::vector<Pfn> taken = take_all(memory);
  CHECK(taken.size() == memory.managed);
  std::set<uint64_t> distinct;
  for (const Pfn frame : taken) {
    distinct.insert(frame.raw());
    CHECK(memory.frames.records().of(frame).state() == FrameState::owned);
    CHECK(memory.frames.records().of(frame).references() == 1);
  }
  CHECK(distinct.size() == taken.size());
  memory.frames.check();
  CHECK(memory.frames.statistics().failures == 1);
  give_all(memory, taken);
}

TEST_CASE("what boot carves is reserved and stays out") {
  Memory memory(1000);
  uint64_t reserved = 0;
  memory.frames.records().for_each([&](Pfn, vm::FrameRecord& record) {
    reserved += record.state() == FrameState::reserved ? 1 : 0;
  });
  CHECK(reserved + memory.managed == 1000);
  CHECK(reserved <= 6);  // 16,000 bytes of records, 4 caches
}

TEST_CASE("the frame freed last comes back first") {
  Memory memory(256);
  const Pfn first = memory.frames.allocate().value();
  const Pfn second = memory.frames.allocate().value();
  memory.frames.free(first);
  memory.frames.free(second);
  CHECK(memory.frames.allocate().value() == second);
  CHECK(memory.frames.allocate().value() == first);
  memory.frames.free(first);
  memory.frames.free(second);
}

TEST_CASE("frames around a magazine's edge stay with the CPU") {
  Memory memory(1024);
  std::vector<Pfn> taken;
  for (int i = 0; i < 100; ++i) taken.push_back(memory.frames.allocate().value());
  give_all(memory, taken);
  const vm::FrameStatistics before = memory.frames.statistics();
  for (int round = 0; round < 1000; ++round) {
    Pfn some[3];
    for (Pfn& frame : some) frame = memory.frames.allocate().value();
    for (const Pfn frame : some) memory.frames.free(frame);
  }
  const vm::FrameStatistics after = memory.frames.statistics();
  CHECK(after.refills == before.refills);
  CHECK(after.drains == before.drains);
}

TEST_CASE("blocks are aligned, merged again and of every order") {
  Memory memory(1 << 14, 1, 1 << 14);
  for (unsigned order = 0; order <= 12; ++order) {
    const Pfn head = memory.frames.allocate_block({.order = order}).value();
    CHECK(head.raw() % (1ULL << order) == 0);
    CHECK(memory.frames.records().of(head).order() == order);
    if (order > 0) {
      CHECK(memory.frames.records().head_of(head + PageCount((1ULL << order) - 1)) == head);
    }
    memory.frames.check();
    memory.frames.free(head);
  }
  memory.everything_back();
  CHECK(memory.frames.statistics().largest_block.raw() == 1 << 13);
  CHECK(memory.frames.allocate_block({.order = 14}).error() == Error::out_of_memory);
  CHECK(memory.frames.allocate_block({.order = 19}).error() == Error::invalid_argument);
}

TEST_CASE("a gigabyte block is handed out whole") {
  // Simulated: no memory behind the frames, records alone.
  TestHost host(Pfn(0), PageCount(1));
  vm::FrameAllocator<TestHost> frames(host);
  const PfnRange ram[] = {PfnRange::of(Pfn(3 << 18), PageCount(2 << 18))};
  std::vector<uint64_t> storage(vm::FrameRecords::storage_for(ram).value().raw() / 8 + 2);
  vm::FrameRecords records;
  void* aligned = reinterpret_cast<void*>((uintptr_t(storage.data()) + 15) & ~uintptr_t(15));
  REQUIRE(records.init(ram, aligned, base::Bytes(storage.size() * 8 - 16)).ok());
  std::vector<vm::CpuFrameCache> caches(1);
  REQUIRE(frames.init(records, base::Span<vm::CpuFrameCache>(caches.data(), 1)).ok());
  REQUIRE(frames.add(ram[0]).ok());
  const Pfn high = frames.allocate_block({.order = vm::order_1gib}).value();
  CHECK(high == Pfn(4 << 18));  // above 4 GiB first
  const Pfn low = frames.allocate_block({.order = vm::order_1gib}).value();
  CHECK(low == Pfn(3 << 18));
  CHECK(frames.allocate().error() == Error::out_of_memory);
  frames.free(high);
  CHECK(frames.allocate_block({.limit = vm::below_4gib}).error() == Error::out_of_memory);
  frames.free(low);
  const Pfn limited = frames.allocate_block({.order = 3, .limit = vm::below_4gib}).value();
  CHECK(limited.raw() < vm::below_4gib.raw());
  frames.free(limited);
  frames.check();
}

TEST_CASE("an address limit holds for any limit") {
  Memory memory(4096, 1, 1 << 12);
  const Pfn limit((1 << 12) + 100);
  std::vector<Pfn> taken;
  for (;;) {
    base::Result<Pfn> block = memory.frames.allocate_block({.order = 2, .limit = limit});
    if (!block.ok()) break;
    CHECK(block.value().raw() + 4 <= limit.raw());
    taken.push_back(block.value());
  }
  CHECK(taken.size() == 25);
  give_all(memory, taken);
}

TEST_CASE("contiguous runs need not be a power of two and are freed one by one") {
  Memory memory(1024);
  const uint64_t before = memory.frames.statistics().available().raw();
  const PfnRange run = memory.frames.allocate_contiguous(PageCount(77)).value();
  CHECK(run.count().raw() == 77);
  CHECK(memory.frames.statistics().available().raw() == before - 77);
  memory.frames.check();
  for (uint64_t i = 0; i < 77; ++i) {
    memory.frames.free(run.first() + PageCount((i * 30) % 77));
  }
  CHECK(memory.frames.allocate_contiguous(PageCount(0)).error() == Error::invalid_argument);
  CHECK(memory.frames.allocate_contiguous(PageCount(900)).error() == Error::out_of_memory);
}

TEST_CASE("a block is split into frames that are freed by themselves") {
  Memory memory(2048);
  const Pfn head = memory.frames.allocate_block({.order = 9}).value();
  memory.frames.records().of(head).set_state(FrameState::private_page);
  memory.frames.split(head, 0);
  memory.frames.check();
  for (uint64_t i = 0; i < 512; ++i) {
    const vm::FrameRecord& record = memory.frames.records().of(head + PageCount(i));
    CHECK(record.state() == FrameState::private_page);
    CHECK(record.references() == 1);
    memory.frames.free(head + PageCount(i));
  }
}

TEST_CASE("the emergency reserve serves reclaim alone") {
  Memory memory(512);
  memory.frames.set_emergency_reserve(PageCount(20));
  const std::vector<Pfn> normal = take_all(memory);
  CHECK(normal.size() == memory.managed - 20);
  CHECK(memory.frames.allocate_block({.order = 1}).error() == Error::out_of_memory);
  const std::vector<Pfn> urgent = take_all(memory, Urgency::reclaim);
  CHECK(urgent.size() == 20);
  give_all(memory, normal);
  give_all(memory, urgent);
}

TEST_CASE("idle time zeroes frames for those who ask for zeros") {
  Memory memory(512);
  CHECK(!memory.frames.zero_one());
  memory.frames.set_zeroed_target(PageCount(40));
  int zeroed = 0;
  while (memory.frames.zero_one()) ++zeroed;
  CHECK(zeroed == 40);
  CHECK(memory.frames.statistics().zeroed.raw() == 40);
  memory.frames.check();
  std::vector<Pfn> taken;
  for (int i = 0; i < 60; ++i) {
    const Pfn frame = memory.frames.allocate(Contents::zero).value();
    CHECK(is_zero(memory.host.window(frame)));
    memset(memory.host.window(frame), 0xcc, 4096);
    taken.push_back(frame);
    memory.frames.check();
  }
  CHECK(memory.frames.statistics().zeroed.raw() == 0);
  give_all(memory, taken);
}

TEST_CASE("a frame given back full of zeros goes to those who ask for zeros") {
  Memory memory(300);
  std::vector<Pfn> frames;
  for (int i = 0; i < 100; ++i) frames.push_back(memory.frames.allocate(Contents::zero).value());
  for (const Pfn frame : frames) memory.frames.free_zeroed(frame);
  memory.frames.check();
  const uint64_t kept = memory.frames.statistics().zeroed.raw();
  CHECK(kept == vm::CpuFrameCache::zeroed_size);
  for (uint64_t i = 0; i < 100; ++i) {
    frames[i] = memory.frames.allocate(Contents::zero).value();
    CHECK(is_zero(memory.host.window(frames[i])));
    CHECK(memory.frames.statistics().zeroed.raw() == (i < kept ? kept - i - 1 : 0));
  }
  for (const Pfn frame : frames) memory.frames.drop(frame);
  memory.frames.drain_caches();
  memory.frames.check();
}

TEST_CASE("zeroed frames are memory like any other when memory runs out") {
  Memory memory(300);
  memory.frames.set_zeroed_target(PageCount(100));
  while (memory.frames.zero_one()) {
  }
  memory.frames.free(memory.frames.allocate(Contents::zero).value());
  const std::vector<Pfn> taken = take_all(memory);
  CHECK(taken.size() == memory.managed);
  give_all(memory, taken);
}

TEST_CASE("one CPU gets what another one's cache keeps") {
  Memory memory(300, 2);
  const std::vector<Pfn> taken = take_all(memory);
  frame_test::this_cpu = 1;
  for (int i = 0; i < 40; ++i) memory.frames.free(taken[size_t(i)]);
  frame_test::this_cpu = 0;
  const std::vector<Pfn> again = take_all(memory);
  CHECK(again.size() == 40);
  give_all(memory, again);
  give_all(memory, {taken.begin() + 40, taken.end()});
}

TEST_CASE("memory is added once and only where it is known") {
  TestHost host(Pfn(1000), PageCount(200));
  vm::FrameAllocator<TestHost> frames(host);
  const PfnRange ram[] = {PfnRange::of(Pfn(1000), PageCount(200))};
  const PfnRange free[] = {PfnRange::of(Pfn(1000), PageCount(100))};
  const PfnRange outside[] = {PfnRange::of(Pfn(1000), PageCount(201))};
  CHECK(frames.boot(ram, outside, 1).error() == Error::invalid_argument);
  CHECK(frames.boot(ram, free, 0).error() == Error::invalid_argument);
  CHECK(frames.boot(ram, free, 100000).error() == Error::out_of_memory);
  REQUIRE(frames.boot(ram, free, 1).ok());
  const uint64_t before = frames.statistics().managed.raw();
  CHECK(frames.add(PfnRange::of(Pfn(1000), PageCount(4))).error() == Error::invalid_argument);
  CHECK(frames.add(PfnRange::of(Pfn(1190), PageCount(11))).error() == Error::invalid_argument);
  CHECK(frames.statistics().managed.raw() == before);
  CHECK(frames.add(PfnRange::of(Pfn(1100), PageCount(100))).ok());
  CHECK(frames.statistics().managed.raw() == before + 100);
  frames.check();
}

TEST_CASE("frame owners give their reference back once") {
  Memory memory(256);
  const uint64_t before = memory.frames.statistics().available().raw();
  const auto available = [&] { return memory.frames.statistics().available().raw(); };
  {
    Frame frame = Frame::get(memory.frames, Contents::zero).value();
    CHECK(is_zero(frame.window()));
    Frame moved = base::move(frame);
    CHECK(!frame);
    CHECK(available() == before - 1);
    FrameRef shared = base::move(moved);
    FrameRef other = shared.share().value();
    CHECK(other.pfn() == shared.pfn());
    CHECK(shared.record().references() == 2);
    shared.reset();
    CHECK(available() == before - 1);
    CHECK(other.record().references() == 1);
  }
  CHECK(available() == before);
  const Pfn kept = Frame::get_block(memory.frames, {.order = 3}).value().release();
  CHECK(available() == before - 8);
  Frame::adopt(memory.frames, kept).reset();
  CHECK(available() == before);
}

TEST_CASE("a shared frame at its limit refuses another owner") {
  Memory memory(64);
  FrameRef frame = Frame::get(memory.frames).value();
  frame.record().set_references_unchecked(vm::FrameRecord::reference_limit);
  CHECK(frame.share().error() == Error::limit_exceeded);
  frame.record().set_references_unchecked(1);
}

TEST_CASE("a reservation gives what it promised and returns the rest") {
  Memory memory(256);
  const uint64_t before = memory.frames.statistics().available().raw();
  {
    Reservation reservation = Reservation::of(memory.frames, PageCount(10)).value();
    CHECK(memory.frames.statistics().available().raw() == before - 10);
    Frame used = reservation.take_frame();
    CHECK(used.record().references() == 1);
    const Pfn zeroed = reservation.take_zeroed();
    CHECK(is_zero(memory.host.window(zeroed)));
    memory.frames.free(zeroed);
    Reservation moved = base::move(reservation);
    CHECK(moved.count().raw() == 8);
    CHECK(reservation.count().is_zero());
    CHECK(moved.extend_to(PageCount(12)).ok());
    CHECK(moved.count().raw() == 12);
  }
  CHECK(memory.frames.statistics().available().raw() == before);
}

TEST_CASE("a reservation that cannot be met keeps nothing") {
  Memory memory(256);
  Reservation some = Reservation::of(memory.frames, PageCount(5)).value();
  CHECK(some.extend_to(PageCount(10000)).error() == Error::out_of_memory);
  CHECK(some.count().raw() == 5);
  CHECK(Reservation::of(memory.frames, PageCount(10000)).error() == Error::out_of_memory);
  CHECK(memory.frames.statistics().available().raw() == memory.managed - 5);
}
