// MemoryMap: any sequence of overlapping ranges ends as a sorted, disjoint, merged list in which
// the last word on every page holds.
#include "boot/uefi/memory_map.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

using boot::BootMemoryKind;
using boot::BootMemoryRange;
using boot::MemoryMap;

namespace {

constexpr uint64_t page = 4096;

struct Built {
  explicit Built(size_t capacity = 64) : storage(capacity), map(storage.data(), capacity) {}

  std::vector<BootMemoryRange> storage;
  MemoryMap map;
};

void check_well_formed(const MemoryMap& map) {
  uint64_t end = 0;
  const BootMemoryRange* before = nullptr;
  for (const BootMemoryRange& range : map) {
    REQUIRE(range.size != 0);
    REQUIRE((range.base | range.size) % page == 0);
    REQUIRE(range.base >= end);
    if (before != nullptr && range.base == end) REQUIRE(range.kind != before->kind);
    end = range.base + range.size;
    before = &range;
  }
}

}  // namespace

TEST_CASE("equal_neighbours_merge_and_others_do_not") {
  Built built;
  REQUIRE(built.map.set(2 * page, page, BootMemoryKind::usable));
  REQUIRE(built.map.set(0, page, BootMemoryKind::usable));
  REQUIRE(built.map.set(page, page, BootMemoryKind::usable));
  REQUIRE(built.map.set(3 * page, page, BootMemoryKind::boot_data));
  built.map.merge();
  check_well_formed(built.map);
  REQUIRE(built.map.count() == 2);
  REQUIRE(built.map.begin()->size == 3 * page);
}

TEST_CASE("later_range_splits_an_earlier_one") {
  Built built;
  REQUIRE(built.map.set(0, 10 * page, BootMemoryKind::usable));
  REQUIRE(built.map.set(4 * page, 2 * page, BootMemoryKind::kernel_image));
  built.map.merge();
  check_well_formed(built.map);
  REQUIRE(built.map.count() == 3);
  REQUIRE(built.map.begin()[1].kind == BootMemoryKind::kernel_image);
  REQUIRE(built.map.begin()[2].base == 6 * page);
}

TEST_CASE("partly_covered_page_is_not_usable_but_is_reserved") {
  Built built;
  REQUIRE(built.map.set(100, 2 * page, BootMemoryKind::usable));
  REQUIRE(built.map.set(8 * page + 1, 1, BootMemoryKind::reserved));
  REQUIRE(built.map.set(20 * page + 1, page, BootMemoryKind::usable));
  built.map.merge();
  REQUIRE(built.map.count() == 2);
  REQUIRE(built.map.begin()[0].base == page);
  REQUIRE(built.map.begin()[0].size == page);
  REQUIRE(built.map.begin()[1].base == 8 * page);
  REQUIRE(built.map.begin()[1].size == page);
}

TEST_CASE("full_buffer_is_reported_not_overrun") {
  Built built(2);
  REQUIRE(built.map.set(0, page, BootMemoryKind::usable));
  REQUIRE(built.map.set(2 * page, 9 * page, BootMemoryKind::usable));
  REQUIRE_FALSE(built.map.set(5 * page, page, BootMemoryKind::reserved));
}

TEST_CASE("random_overlapping_ranges_equal_a_page_by_page_model") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    Built built(256);
    std::map<uint64_t, BootMemoryKind> model;
    for (int i = 0; i < 40; ++i) {
      const uint64_t first = random() % 60, count = random() % 20;
      const auto kind = static_cast<BootMemoryKind>(1 + random() % 8);
      REQUIRE(built.map.set(first * page, count * page, kind));
      for (uint64_t p = first; p < first + count; ++p) model[p] = kind;
    }
    built.map.merge();
    check_well_formed(built.map);
    std::map<uint64_t, BootMemoryKind> found;
    for (const BootMemoryRange& range : built.map) {
      for (uint64_t p = 0; p < range.size / page; ++p) found[range.base / page + p] = range.kind;
    }
    REQUIRE(found == model);
  }
}
