// Physical objects.
#include <catch2/catch.hpp>

#include "test/unit/object/objects.h"
#include "vm/object/physical.h"

using namespace object_test;
using base::MemoryType;
using base::PfnRange;
using base::Right;

TEST_CASE("device pages are what they are, in runs, uncounted") {
  Fixture it;
  const PfnRange bar = PfnRange::of(Pfn(0xfe000), PageCount(1024));
  vm::Physical object(it.memory.frames.records(), bar, MemoryType::device,
                      Right::read | Right::write | Right::user);
  const PageAnswer answer = it.ask(object, 24, PageUse::write);
  CHECK(answer.frame() == Pfn(0xfe018));
  CHECK(answer.run().raw() == 1000);
  CHECK(answer.memory_type() == MemoryType::device);
  CHECK(!answer.most().can_execute());
  CHECK(it.ask(object, 1024).error() == Error::bus);
  CHECK(object.size().raw() == 1024);
  object.release();
}

TEST_CASE("a range that forbids writing refuses it") {
  Fixture it;
  vm::Physical object(it.memory.frames.records(), PfnRange::of(Pfn(0xfe000), PageCount(1)),
                      MemoryType::uncached, Right::read | Right::user);
  CHECK(it.ask(object, 0, PageUse::write).error() == Error::access_denied);
  CHECK(it.ask(object, 0).is_page());
  object.release();
}

TEST_CASE("owned memory is counted while it is mapped") {
  Fixture it;
  const PfnRange frames = it.memory.frames.allocate_contiguous(PageCount(4)).value();
  {
    vm::Physical object(it.memory.frames.records(), frames, MemoryType::write_back,
                        Right::read | Right::write | Right::user);
    const PageAnswer answer = it.ask(object, 2);
    CHECK(answer.frame() == frames.first() + PageCount(2));
    CHECK(answer.run().raw() == 1);
    vm::FrameRecord& record = it.memory.frames.records().of(answer.frame());
    CHECK(record.references() == 2);
    record.set_references_unchecked(vm::FrameRecord::reference_limit);
    CHECK(it.ask(object, 2).error() == Error::out_of_memory);
    record.set_references_unchecked(2);
    it.memory.frames.drop(answer.frame());
    object.release();
  }
  for (uint64_t i = 0; i < 4; ++i) it.memory.frames.free(frames.first() + PageCount(i));
}

TEST_CASE("device memory below RAM ends its run where RAM begins") {
  Fixture it;
  const uint64_t ram = 1 << 18;
  vm::Physical object(it.memory.frames.records(), PfnRange::of(Pfn(ram - 10), PageCount(12)),
                      MemoryType::uncached, Right::read | Right::user);
  CHECK(it.ask(object, 3).run().raw() == 7);
  object.release();
}
