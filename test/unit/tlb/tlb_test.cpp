// What is to be forgotten, and tags in rounds; the shootdowns themselves: test/sim/tlb_race_test.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "vm/seam/host.h"
#include "vm/tlb/tag_allocator.h"
#include "vm/tlb/tlb_ranges.h"

using base::PageCount;
using base::Vpn;
using base::VpnRange;
using vm::Invalidate;

namespace {

VpnRange pages(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}

using Tags = vm::TagAllocator<vm::HostExemplar>;

}  // namespace

TEST_CASE("adjacent ranges of one kind become one", "[tlb]") {
  vm::TlbRanges ranges;
  CHECK(ranges.empty());
  ranges.add(pages(5, 1), Invalidate::leaf);
  ranges.add(pages(6, 2), Invalidate::leaf);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].pages == pages(5, 3));
  ranges.add(pages(8, 1), Invalidate::walk);
  CHECK(ranges.size() == 2);
  ranges.clear();
  CHECK(ranges.empty());
}

TEST_CASE("a page named twice is forgotten once, with its walk if either asked", "[tlb]") {
  vm::TlbRanges ranges;
  ranges.add(pages(5, 3), Invalidate::leaf);
  ranges.add(pages(6, 1), Invalidate::walk);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].what == Invalidate::walk);
  ranges.add(pages(6, 1), Invalidate::leaf);
  CHECK(ranges[0].what == Invalidate::walk);
}

TEST_CASE("many ranges or many pages become everything", "[tlb]") {
  vm::TlbRanges ranges;
  for (uint64_t i = 0; i < vm::TlbRanges::capacity; ++i)
    ranges.add(pages(10 * i, 1), Invalidate::leaf);
  CHECK_FALSE(ranges.is_everything());
  ranges.add(pages(1000, 1), Invalidate::leaf);
  CHECK(ranges.is_everything());
  ranges.clear();
  ranges.add(pages(0, vm::TlbRanges::page_threshold), Invalidate::leaf);
  CHECK_FALSE(ranges.is_everything());
  ranges.add(pages(100, 1), Invalidate::leaf);
  CHECK(ranges.is_everything());
  CHECK_FALSE(ranges.empty());
}

TEST_CASE("spaces have tags of their own until the numbers run out", "[tlb]") {
  auto tags = std::make_unique<Tags>();
  tags->init(4);
  std::vector<base::Atomic<uint64_t>> words(15);
  std::set<uint16_t> seen;
  int rounds = 0;
  for (auto& word : words) {
    const vm::Tag tag = tags->enter(word, 0, [&] { ++rounds; });
    CHECK(tag.raw() != 0);
    CHECK(seen.insert(tag.raw()).second);
  }
  CHECK(rounds == 0);
  // Again: the same ones.
  for (auto& word : words) {
    const vm::Tag before = Tags::tag_of(word.load());
    CHECK(tags->enter(word, 1, [&] { ++rounds; }) == before);
  }
  CHECK(rounds == 0);
  base::Atomic<uint64_t> late;
  (void)tags->enter(late, 0, [&] { ++rounds; });
  CHECK(rounds == 1);
}

TEST_CASE("a space that runs keeps its tag over a new round, and nobody else gets it", "[tlb]") {
  auto tags = std::make_unique<Tags>();
  tags->init(3);
  base::Atomic<uint64_t> running;
  const vm::Tag kept = tags->enter(running, 0, [] {});
  int rounds = 0;
  std::vector<std::unique_ptr<base::Atomic<uint64_t>>> words;
  for (int i = 0; i < 40; ++i) {
    words.push_back(std::make_unique<base::Atomic<uint64_t>>());
    const vm::Tag tag = tags->enter(*words.back(), 1, [&] { ++rounds; });
    CHECK_FALSE(tag == kept);
  }
  CHECK(rounds >= 5);
  // The space moves to another CPU: still the same tag. Its old CPU goes idle; others may run out.
  CHECK(tags->enter(running, 2, [&] { ++rounds; }) == kept);
  tags->leave(0);
}

TEST_CASE("within one round two spaces never share a tag", "[tlb]") {
  auto tags = std::make_unique<Tags>();
  tags->init(3);
  std::vector<std::unique_ptr<base::Atomic<uint64_t>>> words;
  for (int i = 0; i < 12; ++i) words.push_back(std::make_unique<base::Atomic<uint64_t>>());
  // Owner of each tag since everything was last forgotten; spaces that run carry theirs over.
  std::map<uint16_t, size_t> owner;
  std::map<uint32_t, std::pair<uint16_t, size_t>> runs;
  uint64_t random = 1;
  for (int step = 0; step < 20000; ++step) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto cpu = uint32_t((random >> 33) % 3);
    const size_t space = (random >> 40) % words.size();
    if ((random >> 60) == 0) {
      tags->leave(cpu);
      runs.erase(cpu);
      continue;
    }
    const vm::Tag tag = tags->enter(*words[space], cpu, [&] {
      // What still runs may be remembered again at once.
      std::map<uint16_t, size_t> next;
      for (const auto& [on, runner] : runs) {
        if (on != cpu) next.insert(runner);
      }
      owner = next;
    });
    const auto found = owner.find(tag.raw());
    INFO("step " << step);
    REQUIRE((found == owner.end() || found->second == space));
    owner[tag.raw()] = space;
    runs[cpu] = {tag.raw(), space};
  }
}
