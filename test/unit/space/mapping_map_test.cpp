#include <catch2/catch.hpp>
#include <iostream>
#include <random>

#include "map_fixture.h"

using namespace space_test;

namespace {

void compare_everywhere(const Fixture& fixture, const FlatModel& model) {
  for (uint64_t at = 0; at < model.size(); ++at) {
    const vm::MappingMap::Reading reading = fixture.map.find(Vpn(at));
    if (reading.found() != model.used(at)) FAIL("page " << at);
    if (!reading.found()) continue;
    const vm::Mapping& mapping = reading.mapping();
    if (mapping.tag() != model.tag(at)) FAIL("tag of page " << at);
    const uint64_t object = model.object(at);
    if (mapping.object() != object_number(object)) FAIL("object of page " << at);
    if (object != 0 && mapping.object_page_of(Vpn(at)) != vm::ObjectPage(at + 1000)) {
      FAIL("object page of page " << at);
    }
  }
}

void check_references(const Fixture& fixture) {
  std::map<vm::MemoryObject*, int64_t> counts;
  fixture.map.for_each(Fixture::everything(), [&](const vm::Mapping& mapping) {
    if (mapping.object() != nullptr) ++counts[mapping.object()];
  });
  for (const auto& [object, count] : fixture.holder.counts) {
    if (counts[object] != count) FAIL("object holds " << count << ", expected " << counts[object]);
  }
}

}  // namespace

TEST_CASE("an empty mapping map has holes everywhere") {
  Fixture fixture;
  CHECK_FALSE(fixture.map.find(Vpn(0)).found());
  CHECK_FALSE(fixture.map.find(Vpn((uint64_t(1) << 52) - 1)).found());
  CHECK(fixture.map.is_free(pages(0, 100)));
  CHECK_FALSE(fixture.map.covers(pages(0, 1)));
  CHECK_FALSE(fixture.map.at_or_after(Vpn(0)).has_value());
  CHECK_FALSE(fixture.map.at_or_before(Vpn(99)).has_value());
  fixture.map.check();
}

TEST_CASE("like neighbours join, unlike ones do not") {
  Fixture fixture;
  fixture.insert(fixture.make(10, 20));
  fixture.insert(fixture.make(30, 40));
  fixture.insert(fixture.make(20, 30));
  CHECK(fixture.map.size() == 1);
  CHECK(fixture.map.find(Vpn(39)).mapping().range() == pages(10, 40));
  fixture.insert(fixture.make(40, 50, 7));
  CHECK(fixture.map.size() == 2);
  // Same object, but the pages of the object do not follow each other.
  fixture.insert(fixture.make(60, 70, 0, 5));
  vm::Mapping other = fixture.make(70, 80, 0, 5);
  other.set_object(object_number(5), vm::ObjectPage(0));
  fixture.insert(other);
  CHECK(fixture.map.size() == 4);
  check_references(fixture);
  fixture.map.check();
}

TEST_CASE("removing the middle of a mapping leaves both ends with the right object pages") {
  Fixture fixture;
  fixture.insert(fixture.make(100, 200, 0, 3));
  fixture.prepare(1);
  const base::Optional<vm::Mapping> piece = fixture.map.take_first(pages(120, 150));
  REQUIRE(piece.has_value());
  CHECK(piece->range() == pages(120, 150));
  CHECK(piece->object_page() == vm::ObjectPage(1120));
  CHECK_FALSE(fixture.map.take_first(pages(120, 150)).has_value());
  CHECK(fixture.holder.counts[object_number(3)] == 3);
  fixture.release(*piece);
  CHECK(fixture.map.find(Vpn(150)).mapping().object_page() == vm::ObjectPage(1150));
  CHECK(fixture.map.find(Vpn(119)).mapping().range() == pages(100, 120));
  fixture.map.check();
}

TEST_CASE("a reading is unchanged until its own mapping or hole changes") {
  Fixture fixture;
  for (uint64_t at = 0; at < 200; ++at) fixture.insert(fixture.make(at * 10, at * 10 + 5));
  const auto here = fixture.map.find(Vpn(3));
  const auto far = fixture.map.find(Vpn(1990));
  CHECK(here.unchanged());
  vm::Mapping changed = here.mapping();
  changed.set_access(Right::read);
  fixture.map.replace(changed);
  CHECK_FALSE(here.unchanged());
  CHECK(far.unchanged());
  const auto hole = fixture.map.find(Vpn(1997));
  CHECK_FALSE(hole.found());
  fixture.insert(fixture.make(1996, 1998));
  CHECK_FALSE(hole.unchanged());
}

TEST_CASE("a hole read in one leaf is stale once a mapping reaches into it from the leaf before") {
  Fixture fixture;
  // Leaves fill upwards; 15 entries stay in the first, so the second begins at 1500.
  for (uint64_t at = 0; at < 32; ++at) fixture.insert(fixture.make(at * 100, at * 100 + 10));
  for (uint64_t gap = 0; gap < 31; ++gap) {
    fixture.remove(pages(gap * 100 + 100, gap * 100 + 110));
    const auto hole = fixture.map.find(Vpn(gap * 100 + 150));
    REQUIRE_FALSE(hole.found());
    fixture.insert(fixture.make(gap * 100 + 20, gap * 100 + 190, 3));
    fixture.map.check();
    CHECK_FALSE(hole.unchanged());
    CHECK(fixture.map.find(Vpn(gap * 100 + 150)).found());
    fixture.remove(pages(gap * 100 + 20, gap * 100 + 190));
    fixture.insert(fixture.make(gap * 100 + 100, gap * 100 + 110));
    fixture.map.check();
  }
}

TEST_CASE("a stack grows down over the hole below it") {
  Fixture fixture;
  for (uint64_t at = 0; at < 100; ++at) fixture.insert(fixture.make(at * 100 + 50, at * 100 + 60));
  for (uint64_t at = 1; at < 100; ++at) {
    fixture.map.extend_down(Vpn(at * 100 + 50), Vpn(at * 100 + 1));
    fixture.map.check();
    CHECK(fixture.map.find(Vpn(at * 100 + 1)).mapping().range() ==
          pages(at * 100 + 1, at * 100 + 60));
  }
}

TEST_CASE("random edits of the mapping map agree with a flat model") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const uint64_t universe = seed % 2 == 0 ? 600 : 6000;
  const uint64_t longest = seed % 2 == 0 ? 9 : 40;
  Fixture fixture;
  FlatModel model(universe);
  for (int step = 0; step < 6000; ++step) {
    const uint64_t first = random() % (universe - longest);
    const VpnRange range = pages(first, first + 1 + random() % longest);
    const uint32_t tag = random() % 2;
    const uint64_t object = random() % 3;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        REQUIRE(fixture.map.is_free(range) == model.free(range));
        if (model.free(range)) {
          fixture.insert(fixture.make(first, range.end().raw(), tag, object));
          model.set(range, tag, object);
        }
        break;
      case 4:
        fixture.remove(range);
        model.clear(range);
        break;
      case 5: {  // new attributes for a range, as protect does it
        fixture.prepare(2);
        fixture.map.split_at(range.first());
        fixture.map.split_at(range.end());
        std::vector<vm::Mapping> inside;
        fixture.map.for_each(range, [&](const vm::Mapping& mapping) { inside.push_back(mapping); });
        for (vm::Mapping mapping : inside) {
          for (uint64_t at = mapping.first().raw(); at < mapping.end().raw(); ++at) {
            model.set(pages(at, at + 1), tag, model.object(at));
          }
          fixture.map.replace(mapping.set_tag(tag));
        }
        for (const vm::Mapping& mapping : inside) fixture.map.merge_at(mapping.first());
        fixture.map.merge_at(range.end());
        fixture.settle();
        break;
      }
      case 6: {
        const bool covered = [&] {
          for (uint64_t at = first; at < range.end().raw(); ++at) {
            if (!model.used(at)) return false;
          }
          return true;
        }();
        REQUIRE(fixture.map.covers(range) == covered);
        break;
      }
      case 7: {
        const base::Optional<vm::Mapping> after = fixture.map.at_or_after(Vpn(first));
        uint64_t at = first;
        while (at < universe && !model.used(at)) ++at;
        REQUIRE(after.has_value() == (at < universe));
        if (after) REQUIRE(after->range().contains(Vpn(at)));
        break;
      }
    }
    fixture.map.check();
    REQUIRE(fixture.map.size() == model.runs());
    if (step % 50 == 0) {
      compare_everywhere(fixture, model);
      check_references(fixture);
    }
  }
}

TEST_CASE("gap search finds the highest and the lowest fit that a scan would find") {
  const unsigned seed = GENERATE(11u, 12u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const uint64_t universe = 12000;
  Fixture fixture;
  FlatModel model(universe);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t first = random() % (universe - 10);
    const VpnRange range = pages(first, first + 1 + random() % 9);
    if (random() % 3 != 0) {
      if (model.free(range)) {
        fixture.insert(fixture.make(first, range.end().raw(), random() % 2));
        model.set(range, 0, 0);
      }
    } else {
      fixture.remove(range);
      model.clear(range);
    }
    vm::MappingMap::GapRequest request;
    request.count = PageCount(1 + random() % 30);
    request.alignment = PageCount(uint64_t(1) << (random() % 4));
    request.phase = PageCount(random() % request.alignment.raw());
    const uint64_t low = random() % universe;
    request.within =
        random() % 2 ? pages(0, universe) : pages(low, low + random() % (universe - low));
    request.fit = random() % 2 ? vm::MappingMap::GapRequest::Fit::highest
                               : vm::MappingMap::GapRequest::Fit::lowest;
    const base::Optional<Vpn> found = fixture.map.find_gap(request);
    base::Optional<Vpn> expected;
    uint64_t run = 0;
    for (uint64_t at = request.within.first().raw(); at < request.within.end().raw(); ++at) {
      run = model.used(at) ? 0 : run + 1;
      const uint64_t start = at + 1 - request.count.raw();
      if (run >= request.count.raw() &&
          (start - request.phase.raw()) % request.alignment.raw() == 0) {
        expected = Vpn(start);
        if (request.fit == vm::MappingMap::GapRequest::Fit::lowest) break;
      }
    }
    REQUIRE(found.has_value() == expected.has_value());
    if (found) REQUIRE(*found == *expected);
    fixture.map.check();
  }
}

TEST_CASE("gap search keeps the guard below a stack free") {
  Fixture fixture;
  vm::Mapping stack = fixture.make(1000, 1010);
  stack.set_grows_down();
  fixture.insert(stack);
  vm::MappingMap::GapRequest request;
  request.count = PageCount(10);
  request.within = pages(0, 1010);
  request.stack_guard = PageCount(256);
  const base::Optional<Vpn> found = fixture.map.find_gap(request);
  REQUIRE(found.has_value());
  CHECK(*found == Vpn(1000 - 256 - 10));
}

TEST_CASE("a mapping map grows to ten thousand mappings and back to none") {
  const int order = GENERATE(0, 1, 2);
  Fixture fixture;
  std::vector<uint64_t> places;
  for (uint64_t at = 0; at < 10000; ++at) places.push_back(at);
  if (order == 1) std::reverse(places.begin(), places.end());
  std::mt19937 random(5);
  if (order == 2) std::shuffle(places.begin(), places.end(), random);
  for (uint64_t at : places) fixture.insert(fixture.make(at * 4, at * 4 + 3, uint32_t(at)));
  fixture.map.check();
  CHECK(fixture.map.size() == 10000);
  if (order != 2) CHECK(fixture.map.pool().pages() < 10000 / 15 / 5 + 20);
  std::shuffle(places.begin(), places.end(), random);
  for (size_t index = 0; index < places.size(); ++index) {
    fixture.remove(pages(places[index] * 4, places[index] * 4 + 4));
    if (index % 97 == 0) fixture.map.check();
  }
  CHECK(fixture.map.size() == 0);
  fixture.map.check();
  CHECK(fixture.map.pool().leaves_in_use() == 1);
}

TEST_CASE("a copy built by append equals its source") {
  Fixture source;
  Fixture copy;
  std::mt19937 random(9);
  for (int index = 0; index < 3000; ++index) {
    const uint64_t first = random() % 100000 * 10;
    if (source.map.is_free(pages(first, first + 4))) {
      source.insert(source.make(first, first + 4, 0, random() % 3));
    }
  }
  for (unsigned left = copy.map.pages_short_for_append(source.map.size()); left > 0; --left) {
    copy.supply_one();
  }
  source.map.for_each(Fixture::everything(), [&](const vm::Mapping& mapping) {
    if (mapping.object() != nullptr) ++copy.holder.counts[mapping.object()];
    copy.map.append(mapping);
  });
  copy.map.check();
  CHECK(copy.map.size() == source.map.size());
  source.map.for_each(Fixture::everything(), [&](const vm::Mapping& mapping) {
    const auto reading = copy.map.find(mapping.first());
    if (!reading.found() || !(reading.mapping() == mapping)) FAIL("copy differs");
  });
}

TEST_CASE("a mapping leaf finds what a std::map finds, whatever is put in and taken out") {
  // Every subset of eight places, each made in two orders and thinned out again.
  for (unsigned subset = 0; subset < 256; ++subset) {
    for (const bool ascending : {true, false}) {
      vm::MappingLeaf leaf;
      leaf.reset();
      std::map<uint64_t, uint64_t> oracle;
      const auto compare = [&] {
        REQUIRE(leaf.size() == oracle.size());
        uint32_t slots = leaf.free_slots;
        for (unsigned place = 0; place < leaf.size(); ++place) {
          slots ^= uint32_t(1) << leaf.slot(place);
        }
        REQUIRE(slots == vm::MappingLeaf::all_slots);
        for (uint64_t page = 0; page < 40; ++page) {
          const auto after = oracle.upper_bound(page);
          const int place = leaf.place_of(page);
          REQUIRE(place + 1 == std::distance(oracle.begin(), after));
          if (place < 0) continue;
          const vm::Mapping mapping = leaf.get(unsigned(place));
          REQUIRE(mapping.first() == Vpn(std::prev(after)->first));
          REQUIRE(mapping.end() == Vpn(std::prev(after)->second));
        }
      };
      for (unsigned count = 0; count < 8; ++count) {
        const unsigned index = ascending ? count : 7 - count;
        if ((subset >> index & 1) == 0) continue;
        const uint64_t first = 4 * index + 2;
        leaf.insert(unsigned(leaf.place_of(first) + 1),
                    vm::Mapping(pages(first, first + 1 + index % 4), read_write, read_write));
        oracle[first] = first + 1 + index % 4;
        compare();
      }
      while (leaf.size() != 0) {
        const unsigned place = leaf.size() / 2;
        oracle.erase(leaf.key(place));
        leaf.erase(place);
        compare();
      }
    }
  }
}
