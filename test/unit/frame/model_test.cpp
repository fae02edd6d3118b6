// FrameAllocator against the plainest model: a std::map of what is out, and the contents of every
// page of it.
#include <catch2/catch.hpp>

#include <stdlib.h>
#include <string.h>

#include <map>
#include <random>

#include "test/unit/frame/memory.h"

using frame_test::Memory;
using frame_test::PageCount;
using frame_test::Pfn;
using frame_test::PfnRange;
using vm::Contents;

namespace {

class Model {
 public:
  Model(Memory& memory, uint64_t seed) : memory_(memory), random_(seed) {}

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2: return allocate();
      case 3:
      case 4:
      case 5: return free_one();
      case 6: return allocate_block();
      case 7: return allocate_contiguous();
      case 8: return split();
      case 9: (void)memory_.frames.zero_one(); return;
      case 10: frame_test::this_cpu = uint32_t(random_() % 4); return;
      default:
        if (random_() % 64 == 0) memory_.frames.drain_caches();
    }
  }
  void check() {
    memory_.frames.check();
    const vm::FrameStatistics now = memory_.frames.statistics();
    REQUIRE(now.available().raw() + out_ == memory_.managed);
  }
  void free_all() {
    while (!held_.empty()) free_one();
  }

 private:
  struct Block {
    unsigned order;
    uint64_t tag;
  };

  void allocate() {
    const Contents contents = random_() % 2 == 0 ? Contents::zero : Contents::unknown;
    base::Result<Pfn> frame = memory_.frames.allocate(contents);
    if (!frame.ok()) {
      REQUIRE(out_ == memory_.managed);  // nothing is lost: it fails only when all is out
      return;
    }
    if (contents == Contents::zero) {
      static const unsigned char zeros[4096] = {};
      REQUIRE(memcmp(memory_.host.window(frame.value()), zeros, 4096) == 0);
    }
    hold(frame.value(), 0);
  }
  void allocate_block() {
    const auto order = unsigned(random_() % 9);
    base::Result<Pfn> head = memory_.frames.allocate_block({.order = order});
    if (head.ok()) hold(head.value(), order);
  }
  void allocate_contiguous() {
    const uint64_t pages = 1 + random_() % 40;
    base::Result<PfnRange> run = memory_.frames.allocate_contiguous(PageCount(pages));
    if (!run.ok()) return;
    for (uint64_t i = 0; i < pages; ++i) hold(run.value().first() + PageCount(i), 0);
  }
  void split() {
    const auto at = pick();
    if (at == held_.end() || at->second.order == 0) return;
    const Block block = at->second;
    const auto order = unsigned(random_() % block.order);
    const uint64_t head = at->first;
    memory_.frames.split(Pfn(head), order);
    for (uint64_t i = 0; i < 1ULL << block.order; i += 1ULL << order) {
      held_[head + i] = {order, block.tag};
    }
  }
  void free_one() {
    const auto at = pick();
    if (at == held_.end()) return;
    const uint64_t pages = 1ULL << at->second.order;
    for (uint64_t i = 0; i < pages; ++i) {
      const auto* words = static_cast<const uint64_t*>(memory_.host.window(Pfn(at->first + i)));
      for (unsigned w = 0; w < 512; w += 37) REQUIRE(words[w] == at->second.tag);
    }
    memory_.frames.free(Pfn(at->first));
    out_ -= pages;
    held_.erase(at);
  }

  std::map<uint64_t, Block>::iterator pick() {
    if (held_.empty()) return held_.end();
    auto at = held_.lower_bound((1 << 18) + random_() % 8192);
    return at == held_.end() ? held_.begin() : at;
  }
  void hold(Pfn head, unsigned order) {
    const uint64_t pages = 1ULL << order;
    const auto after = held_.lower_bound(head.raw());
    REQUIRE((after == held_.end() || head.raw() + pages <= after->first));
    if (after != held_.begin()) {
      const auto before = std::prev(after);
      REQUIRE(before->first + (1ULL << before->second.order) <= head.raw());
    }
    REQUIRE(head.raw() % pages == 0);
    REQUIRE(memory_.frames.records().of(head).references() == 1);
    const uint64_t tag = random_();
    for (uint64_t i = 0; i < pages; ++i) {
      auto* words = static_cast<uint64_t*>(memory_.host.window(head + PageCount(i)));
      for (unsigned w = 0; w < 512; ++w) words[w] = tag;
    }
    held_[head.raw()] = {order, tag};
    out_ += pages;
  }

  Memory& memory_;
  std::mt19937_64 random_;
  std::map<uint64_t, Block> held_;
  uint64_t out_ = 0;
};

uint64_t seed() {
  const char* given = getenv("SEED");
  return given != nullptr ? strtoull(given, nullptr, 0) : std::random_device()();
}

}  // namespace

TEST_CASE("random requests agree with a map of what is out") {
  const uint64_t start = seed();
  INFO("SEED=" << start);
  for (uint64_t round = 0; round < 4; ++round) {
    Memory memory(round % 2 == 0 ? 8192 : 300);
    if (round >= 2) memory.frames.set_zeroed_target(PageCount(50));
    Model model(memory, start + round);
    for (int i = 0; i < 40000; ++i) {
      model.step();
      if (i % 1000 == 0) model.check();
    }
    model.free_all();
    model.check();
    frame_test::this_cpu = 0;
  }
}
