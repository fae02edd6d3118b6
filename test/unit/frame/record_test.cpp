// FrameRecord and FrameRecords.
#include <catch2/catch.hpp>

#include <vector>

#include "vm/frame/frame_records.h"

using base::Error;
using base::PageCount;
using base::Pfn;
using base::PfnRange;
using vm::FrameRecord;
using vm::FrameRecords;
using vm::FrameState;

namespace {

struct Spin {
  unsigned turns = 0;
  void relax() { ++turns; }
};

PfnRange pages(uint64_t first, uint64_t count) {
  return PfnRange::of(Pfn(first), PageCount(count));
}

struct Records {
  explicit Records(const std::vector<PfnRange>& ram) {
    const base::Span<const PfnRange> span(ram.data(), ram.size());
    storage.resize(FrameRecords::storage_for(span).value().raw() / 16 + 1);
    REQUIRE(records.init(span, storage.data(), base::Bytes(storage.size() * 16)).ok());
  }
  struct alignas(16) Line {
    unsigned char bytes[16];
  };
  std::vector<Line> storage;
  FrameRecords records;
};

}  // namespace

TEST_CASE("a frame record is sixteen bytes") {
  CHECK(sizeof(FrameRecord) == 16);
}

TEST_CASE("references saturate to an error and never wrap") {
  FrameRecord record;
  record.reset(FrameState::private_page, 0);
  record.set_references_unchecked(FrameRecord::reference_limit - 2);
  CHECK(record.add_references(3).error() == Error::limit_exceeded);
  CHECK(record.references() == FrameRecord::reference_limit - 2);
  CHECK(record.add_references(2).ok());
  CHECK(record.references() == FrameRecord::reference_limit);
  CHECK(record.add_references().error() == Error::limit_exceeded);
  CHECK(record.add_reference_unless_dead().error() == Error::limit_exceeded);
  CHECK(record.references() == FrameRecord::reference_limit);
  CHECK(record.state() == FrameState::private_page);
  CHECK(record.drop_references() == FrameRecord::reference_limit - 1);
  CHECK(record.drop_references(FrameRecord::reference_limit - 1) == 0);
}

TEST_CASE("more sharers than eight bits count are counted, or refused at the limit") {
  FrameRecord record;
  record.reset(FrameState::private_page, 0);
  record.set_references_unchecked(1);
  for (uint32_t i = 1; i < 300; ++i) {
    const bool added = record.add_references().ok();
    CHECK(added == (i < FrameRecord::reference_limit));
  }
  CHECK(record.references() == std::min(300u, FrameRecord::reference_limit));
}

TEST_CASE("a dead frame gains no reference by lookup") {
  FrameRecord record;
  record.reset(FrameState::object_page, 0);
  CHECK(record.add_reference_unless_dead().error() == Error::dead);
  record.set_references_unchecked(1);
  CHECK(record.add_reference_unless_dead().ok());
  CHECK(record.references() == 2);
}

TEST_CASE("a table keeps its level, counts, pins and lock apart") {
  FrameRecord record;
  Spin host;
  record.reset(FrameState::owned, 0);
  record.set_references_unchecked(1);
  record.become_table(3);
  CHECK(record.is_table());
  CHECK(record.level() == 3);
  {
    vm::TableGuard guard(record, host);
    CHECK(record.is_locked());
    CHECK(!record.try_acquire());
    record.add_resident(512);
    CHECK(record.resident() == 512);
    record.remove_resident(500);
    for (uint32_t i = 0; i < FrameRecord::table_pin_limit; ++i) {
      REQUIRE(record.add_table_pin().ok());
    }
    CHECK(record.add_table_pin().error() == Error::limit_exceeded);
    CHECK(record.resident() == 12);
    record.retire();
  }
  CHECK(!record.is_locked());
  CHECK(record.is_retired());
  CHECK(record.level() == 3);
  CHECK(record.resident() == 12);
  CHECK(record.table_pins() == FrameRecord::table_pin_limit);
  CHECK(record.references() == 1);
  CHECK(host.turns == 0);
}

TEST_CASE("page pins count and saturate without touching the state") {
  FrameRecord record;
  record.reset(FrameState::private_page, 9);
  CHECK(!record.is_pinned());
  for (uint32_t i = 0; i < FrameRecord::page_pin_limit; ++i) {
    if (!record.add_page_pin().ok()) FAIL("pin refused");
  }
  CHECK(record.add_page_pin().error() == Error::limit_exceeded);
  CHECK(record.state() == FrameState::private_page);
  CHECK(record.order() == 9);
  for (uint32_t i = 0; i < FrameRecord::page_pin_limit; ++i) record.remove_page_pin();
  CHECK(!record.is_pinned());
}

TEST_CASE("records are found in every range and nowhere else") {
  // Two ranges in one block of 128 MiB, one that spans blocks, one above 4 GiB.
  Records it({pages(16, 100), pages(200, 50), pages(0x8000 - 10, 0x10000), pages(1 << 20, 64)});
  CHECK(it.records.find(Pfn(15)) == nullptr);
  CHECK(it.records.find(Pfn(16)) != nullptr);
  CHECK(it.records.find(Pfn(249)) != nullptr);
  CHECK(it.records.find(Pfn(0x8000 - 10)) != nullptr);
  CHECK(it.records.find(Pfn(0x18000 - 11)) != nullptr);
  CHECK(it.records.find(Pfn(0x18000 - 10)) == nullptr);
  CHECK(it.records.find(Pfn((1 << 20) - 1)) == nullptr);
  CHECK(it.records.find(Pfn((1 << 20) + 63)) != nullptr);
  CHECK(it.records.find(Pfn((1 << 20) + 64)) == nullptr);
  CHECK(it.records.find(Pfn(~0ULL >> 12)) == nullptr);
  CHECK(&it.records.of(Pfn(17)) == &it.records.of(Pfn(16)) + 1);
  uint64_t count = 0;
  it.records.for_each([&](Pfn frame, FrameRecord& record) {
    CHECK(&it.records.of(frame) == &record);
    CHECK(record.state() == FrameState::reserved);
    ++count;
  });
  CHECK(count >= 100 + 50 + 0x10000 + 64);
}

TEST_CASE("bad ranges of memory are refused") {
  unsigned char storage[64];
  FrameRecords records;
  const PfnRange backward[] = {pages(100, 10), pages(50, 10)};
  const PfnRange overlapping[] = {pages(100, 10), pages(109, 10)};
  const PfnRange empty[] = {pages(100, 0)};
  const PfnRange far[] = {pages((1ULL << 32) - 1, 2)};
  const PfnRange good[] = {pages(100, 10)};
  CHECK(FrameRecords::storage_for({}).error() == Error::invalid_argument);
  CHECK(FrameRecords::storage_for(backward).error() == Error::invalid_argument);
  CHECK(FrameRecords::storage_for(overlapping).error() == Error::invalid_argument);
  CHECK(FrameRecords::storage_for(empty).error() == Error::invalid_argument);
  CHECK(FrameRecords::storage_for(far).error() == Error::not_supported);
  CHECK(records.init(good, storage, base::Bytes(64)).error() == Error::invalid_argument);
  CHECK(records.find(Pfn(100)) == nullptr);
}
