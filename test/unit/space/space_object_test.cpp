#include <catch2/catch.hpp>

#include "space_fixture.h"
#include "vm/object/physical.h"
#include "vm/object/shared_anonymous.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

VpnRange range(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}

using Allocator = vm::FrameAllocator<PlainHost>;

template <class F>
base::Result<VpnRange> map_object(Process<F>& process, vm::MemoryObject& object, uint64_t first,
                                  uint64_t count, vm::Sharing sharing, uint64_t object_page = 0) {
  vm::MapRequest request;
  request.count = PageCount(count);
  request.access = Right::read | Right::write;
  request.sharing = sharing;
  request.object = &object;
  request.object_page = vm::ObjectPage(object_page);
  request.placement = vm::Placement::fixed_at(Vpn(first));
  return process.space.map(request);
}

}  // namespace

TEMPLATE_TEST_CASE("shared memory is one memory in every space and at every address", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<Allocator> memory(world.system->objects(), PageCount(32));
  {
    Process<TestType> one(world);
    Process<TestType> two(world);
    REQUIRE(map_object(one, memory, 0x1000, 32, vm::Sharing::shared).ok());
    REQUIRE(map_object(two, memory, 0x9000, 16, vm::Sharing::shared, 8).ok());
    memory.release();
    REQUIRE(one.write(0x1008, 5));
    CHECK(two.read(0x9000) == 5u);
    REQUIRE(two.write(0x9001, 6));
    CHECK(one.read(0x1009) == 6u);
    Process<TestType> child(world);
    REQUIRE(one.space.clone_into(child.space).ok());
    REQUIRE(child.write(0x1008, 7));
    CHECK(one.read(0x1008) == 7u);
    CHECK(two.read(0x9000) == 7u);
    for (auto* process : {&one, &two, &child}) process->space.check();
    REQUIRE(one.space.protect(range(0x1008, 1), Right::read).ok());
    CHECK_FALSE(one.write(0x1008, 1));
    CHECK(child.write(0x1008, 8));
    CHECK(one.read(0x1008) == 8u);
    REQUIRE(one.space.unmap(range(0x1000, 32)).ok());
    CHECK(two.read(0x9000) == 8u);
    one.space.check();
  }
}

TEMPLATE_TEST_CASE("a private mapping of an object copies what it writes", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<Allocator> memory(world.system->objects(), PageCount(8));
  {
    Process<TestType> owner(world);
    Process<TestType> reader(world);
    REQUIRE(map_object(owner, memory, 0x1000, 8, vm::Sharing::shared).ok());
    REQUIRE(map_object(reader, memory, 0x1000, 9, vm::Sharing::private_copy).ok());
    memory.release();
    REQUIRE(owner.write(0x1000, 1));
    REQUIRE(owner.write(0x1001, 1));
    CHECK(reader.read(0x1000) == 1u);
    REQUIRE(reader.write(0x1000, 2));
    CHECK(owner.read(0x1000) == 1u);
    REQUIRE(reader.write(0x1001, 2));
    CHECK(reader.space.statistics().faults.copied == 2);
    REQUIRE(owner.write(0x1000, 3));
    CHECK(reader.read(0x1000) == 2u);
    REQUIRE(reader.space.advise(range(0x1000, 8), vm::Advice::dont_need).ok());
    CHECK(reader.read(0x1000) == 3u);
    CHECK_FALSE(reader.read(0x1008).has_value());
    CHECK(reader.refusal == vm::Refusal::bus);
    reader.space.check();
    owner.space.check();
  }
}

TEMPLATE_TEST_CASE("pages past the end of a shrunken object are gone from every space", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<Allocator> memory(world.system->objects(), PageCount(8));
  {
    Process<TestType> one(world);
    Process<TestType> two(world);
    REQUIRE(map_object(one, memory, 0x1000, 8, vm::Sharing::shared).ok());
    REQUIRE(map_object(two, memory, 0x2000, 8, vm::Sharing::private_copy).ok());
    for (uint64_t page = 0; page < 8; ++page) REQUIRE(one.write(0x1000 + page, page + 1));
    CHECK(two.read(0x2005) == 6u);
    REQUIRE(two.write(0x2006, 9));
    Process<TestType> child(world);
    REQUIRE(one.space.clone_into(child.space).ok());
    REQUIRE(memory.resize(PageCount(4)).ok());
    CHECK(one.read(0x1003) == 4u);
    CHECK_FALSE(one.read(0x1004).has_value());
    CHECK(one.refusal == vm::Refusal::bus);
    CHECK_FALSE(child.read(0x1005).has_value());
    CHECK_FALSE(two.read(0x2005).has_value());
    CHECK(two.read(0x2006) == 9u);  // a private copy is nobody else's to take
    REQUIRE(memory.resize(PageCount(8)).ok());
    CHECK(one.read(0x1004) == 0u);
    REQUIRE(one.space.advise(range(0x1000, 2), vm::Advice::remove).ok());
    CHECK(child.read(0x1001) == 0u);
    for (auto* process : {&one, &two, &child}) process->space.check();
    memory.release();
  }
}

TEMPLATE_TEST_CASE("one read fault maps the resident neighbours too", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<Allocator> memory(world.system->objects(), PageCount(64));
  {
    Process<TestType> writer(world);
    REQUIRE(map_object(writer, memory, 0x1000, 64, vm::Sharing::shared).ok());
    for (uint64_t page = 0; page < 64; ++page) REQUIRE(writer.write(0x1000 + page, page));
    Process<TestType> reader(world);
    REQUIRE(map_object(reader, memory, 0x4000, 64, vm::Sharing::private_copy).ok());
    memory.release();
    for (uint64_t page = 0; page < 64; ++page) CHECK(reader.read(0x4000 + page) == page);
    CHECK(reader.space.statistics().faults.around > 40);
    REQUIRE(reader.write(0x4003, 1));
    CHECK(writer.read(0x1003) == 3u);
    reader.space.check();
  }
}

TEMPLATE_TEST_CASE("device memory keeps its type and is not counted", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  vm::Physical device(world.frames.records(),
                      base::PfnRange(base::Pfn(0x900000), base::Pfn(0x900010)),
                      base::MemoryType::device, Right::read | Right::write);
  {
    Process<TestType> process(world);
    REQUIRE(map_object(process, device, 0x1000, 16, vm::Sharing::shared).ok());
    device.release();
    const base::Optional<base::Pfn> frame = process.translate(0x1003, Right::write);
    REQUIRE(frame.has_value());
    CHECK(*frame == base::Pfn(0x900003));
    CHECK(process.space.table().lookup(Vpn(0x1003)).entry.memory_type == base::MemoryType::device);
    process.space.check();
    Process<TestType> child(world);
    REQUIRE(process.space.clone_into(child.space).ok());
    CHECK(child.translate(0x1003, Right::write).has_value());
    child.space.check();
  }
}
