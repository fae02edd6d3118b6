// Every pair of operations at once, on one space that two CPUs run and on two spaces that share
// their tables, under every interleaving (up to SIM_RUNS; beyond that, those with up to two
// preemptions).
#include <catch2/catch.hpp>

#include <cstdlib>

#include "model/rig.h"
#include "sim/explorer.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using model::Kind;
using model::Operation;

uint64_t run_limit() {
  const char* text = std::getenv("SIM_RUNS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 25;
}

std::vector<Operation> candidates(uint8_t space, uint8_t value) {
  std::vector<Operation> list;
  const auto add = [&](Kind kind, uint8_t page, uint8_t count, uint8_t choice = 0) {
    Operation operation;
    operation.kind = kind;
    operation.space = space;
    operation.page = page;
    operation.count = count;
    operation.choice = choice;
    operation.target = 4;
    operation.new_count = 2;
    list.push_back(operation);
  };
  add(Kind::write, 1, 1, value);
  add(Kind::write, 2, 1, value);
  add(Kind::read, 1, 1);
  add(Kind::write, 3, 1, value);  // not resident yet, in the table of page 2's neighbours
  add(Kind::read, 0, 1);
  add(Kind::unmap, 1, 2);
  add(Kind::protect, 0, 3, 1);
  add(Kind::dont_need, 1, 2);
  add(Kind::map, 1, 1, 2);
  add(Kind::remap, 1, 2);
  return list;
}

struct Tally {
  uint64_t pairs = 0;
  uint64_t exhausted = 0;
  uint64_t runs = 0;
};

template <class F>
void explore_pair(Tally& tally, const Operation& a, const Operation& b, bool related) {
  model::RigOptions options;
  options.pages = 6;
  options.machine.frames = 256;
  options.machine.sets_accessed = false;
  const auto scenario = [&](sim::Scheduler& scheduler) {
    model::Rig<F> rig(options);
    Operation map;
    map.kind = Kind::map;
    map.count = 4;
    map.choice = 2;
    rig.set_comparing(false);
    rig.apply(map);
    for (const uint8_t page : {uint8_t(1), uint8_t(2)}) {
      Operation write;
      write.kind = Kind::write;
      write.page = page;
      rig.apply(write);
    }
    if (related) {
      Operation clone;
      clone.kind = Kind::clone;
      rig.apply(clone);
    }
    rig.set_comparing(true);
    rig.activate(0, 0);
    rig.activate(1, related ? 1 : 0);
    rig.run_together(scheduler, {a, b});
  };
  const sim::Exploration done = sim::explore({.max_runs = run_limit()}, scenario);
  ++tally.pairs;
  tally.runs += done.runs;
  if (done.complete) {
    ++tally.exhausted;
  } else {
    tally.runs += sim::explore({.preemptions = 2, .max_runs = run_limit()}, scenario).runs;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("pairs of operations on one space", "[pairs]", TEST_FORMATS) {
  Tally tally;
  auto second = candidates(0, 2);
  Operation clone;
  clone.kind = Kind::clone;
  second.push_back(clone);
  for (const Operation& a : candidates(0, 1)) {
    for (const Operation& b : second) {
      INFO(model::describe(a) << " beside " << model::describe(b));
      explore_pair<TestType>(tally, a, b, false);
    }
  }
  WARN(TestType::name << ": " << tally.pairs << " pairs, " << tally.exhausted << " exhausted, "
                      << tally.runs << " runs");
}

TEMPLATE_TEST_CASE("pairs of operations on two spaces that share tables", "[pairs]", TEST_FORMATS) {
  Tally tally;
  for (const Operation& a : candidates(0, 1)) {
    for (const Operation& b : candidates(1, 2)) {
      INFO(model::describe(a) << " beside " << model::describe(b));
      explore_pair<TestType>(tally, a, b, true);
    }
  }
  WARN(TestType::name << ": " << tally.pairs << " pairs, " << tally.exhausted << " exhausted, "
                      << tally.runs << " runs");
}
