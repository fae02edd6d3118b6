// Operations at once. Every pair, on one space that two CPUs run, on two spaces that share tables,
// on two between which a page is lent, and on pages of a pager's object; under every interleaving
// (up to SIM_RUNS; beyond that, those with up to two preemptions). Triples on one space, with one.
// SIM_SHOW=1 names the pairs that were not exhausted.
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>

#include "model/rig.h"
#include "sim/explorer.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

using model::Backing;
using model::Kind;
using model::Operation;
using Operations = std::vector<Operation>;

uint64_t run_limit() {
  const char* text = std::getenv("SIM_RUNS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 25;
}

Operation operation(Kind kind, uint8_t space, uint8_t page, uint8_t count, uint8_t choice = 0) {
  Operation it;
  it.kind = kind;
  it.space = space;
  it.page = page;
  it.count = count;
  it.choice = choice;
  it.target = 4;
  it.new_count = 2;
  return it;
}

// What the two CPUs find.
enum class Setting { one_space, clones, loan, pager };

// Pages 0 to 3 are mapped, 1 and 2 written.
Operations candidates(Setting setting, uint8_t space, uint8_t value) {
  Operations list;
  const auto add = [&](Kind kind, uint8_t page, uint8_t count, uint8_t choice = 0) {
    list.push_back(operation(kind, space, page, count, choice));
  };
  add(Kind::write, 1, 1, value);
  add(Kind::write, 2, 1, value);
  add(Kind::read, 1, 1);
  add(Kind::write, 3, 1, value);  // not resident yet, in the table of page 2's neighbours
  add(Kind::read, 0, 1);
  add(Kind::unmap, 1, 2);
  add(Kind::protect, 0, 3, 1);
  if (setting == Setting::pager) {
    add(Kind::sync, 0, 4);
    add(Kind::discard, 1, 2);
    return list;
  }
  add(Kind::dont_need, 1, 2);
  add(Kind::map, 1, 1, 2);
  add(Kind::remap, 1, 2);
  if (setting == Setting::one_space) add(Kind::clone, 0, 1);
  if (setting != Setting::one_space) {
    add(Kind::borrow, 2, 1, 2);
    add(Kind::transfer, 2, 1);
  }
  return list;
}

template <class F>
void set_up(model::Rig<F>& rig, Setting setting) {
  rig.set_comparing(false);
  Operation map = operation(Kind::map, 0, 0, 4, 2);
  map.target = 0;
  if (setting == Setting::pager) map.backing = Backing::shared_paged;
  rig.apply(map);
  rig.apply(operation(Kind::write, 0, 1, 1));
  rig.apply(operation(Kind::write, 0, 2, 1));
  if (setting == Setting::clones) rig.apply(operation(Kind::clone, 0, 0, 1));
  if (setting == Setting::loan) {
    Operation own = map;
    own.space = 1;
    own.page = 2;
    own.count = 2;
    rig.apply(own);
    Operation loan = operation(Kind::borrow, 1, 0, 2, 4);  // choice / 2: read and write
    loan.target = 0;
    rig.apply(loan);
    rig.apply(operation(Kind::write, 1, 1, 1));
  }
  rig.set_comparing(true);
}

struct Tally {
  uint64_t cases = 0;
  uint64_t exhausted = 0;
  uint64_t bounded = 0;  // not exhausted, but every schedule within the bound was run
  uint64_t runs = 0;

  [[nodiscard]] std::string text(const char* name, const char* what) const {
    return std::string(name) + ": " + std::to_string(cases) + " " + what + ", " +
           std::to_string(exhausted) + " exhausted, " + std::to_string(bounded) +
           " within the bound of preemptions, " + std::to_string(runs) + " runs";
  }
};

template <class F>
auto scenario_of(Setting setting, const Operations& operations) {
  model::RigOptions options;
  options.pages = 6;
  options.machine.frames = 256;
  options.machine.sets_accessed = false;
  return [=](sim::Scheduler& scheduler) {
    model::Rig<F> rig(options);
    set_up(rig, setting);
    for (uint32_t cpu = 0; cpu < operations.size(); ++cpu) rig.activate(cpu, operations[cpu].space);
    rig.run_together(scheduler, operations);
  };
}

void explore_bounded(Tally& tally, uint32_t preemptions, uint64_t limit, const std::string& what,
                     const std::function<void(sim::Scheduler&)>& scenario) {
  const sim::Exploration done =
      sim::explore({.preemptions = preemptions, .max_runs = limit}, scenario);
  tally.runs += done.runs;
  if (done.runs < limit) ++tally.bounded;
  if (std::getenv("SIM_SHOW") != nullptr) {
    std::fprintf(stderr, "%s: %llu runs with %u preemptions, %s\n", what.c_str(),
                 (unsigned long long)done.runs, preemptions, done.runs < limit ? "all" : "not all");
  }
}

template <class F>
void explore_pair(Tally& tally, Setting setting, const Operation& a, const Operation& b) {
  INFO(model::describe(a) << " beside " << model::describe(b));
  const auto scenario = scenario_of<F>(setting, {a, b});
  const sim::Exploration done = sim::explore({.max_runs = run_limit()}, scenario);
  ++tally.cases;
  tally.runs += done.runs;
  if (done.complete) {
    ++tally.exhausted;
    return;
  }
  explore_bounded(tally, 2, run_limit(), model::describe(a) + " beside " + model::describe(b),
                  scenario);
}

// On one space the CPUs are alike: unordered pairs.
template <class F>
Tally explore_one_space(Setting setting) {
  Tally tally;
  const Operations first = candidates(setting, 0, 1);
  const Operations second = candidates(setting, 0, 2);
  for (size_t i = 0; i < first.size(); ++i) {
    for (size_t j = i; j < second.size(); ++j) {
      if (first[i].kind == Kind::clone && second[j].kind == Kind::clone) continue;
      explore_pair<F>(tally, setting, first[i], second[j]);
    }
  }
  return tally;
}

template <class F>
Tally explore_two_spaces(Setting setting) {
  Tally tally;
  for (const Operation& a : candidates(setting, 0, 1)) {
    for (const Operation& b : candidates(setting, 1, 2)) explore_pair<F>(tally, setting, a, b);
  }
  return tally;
}

}  // namespace

TEMPLATE_TEST_CASE("pairs of operations on one space", "[pairs]", TEST_FORMATS) {
  WARN(explore_one_space<TestType>(Setting::one_space).text(TestType::name, "pairs"));
}

TEMPLATE_TEST_CASE("pairs of operations on a pager's pages", "[pairs]", TEST_FORMATS) {
  WARN(explore_one_space<TestType>(Setting::pager).text(TestType::name, "pairs"));
}

TEMPLATE_TEST_CASE("pairs of operations on two spaces that share tables", "[pairs]", TEST_FORMATS) {
  WARN(explore_two_spaces<TestType>(Setting::clones).text(TestType::name, "pairs"));
}

TEMPLATE_TEST_CASE("pairs of operations of a lender and a borrower", "[pairs]", TEST_FORMATS) {
  WARN(explore_two_spaces<TestType>(Setting::loan).text(TestType::name, "pairs"));
}

TEMPLATE_TEST_CASE("triples of operations on one space", "[pairs]", TEST_FORMATS) {
  const Operations all = candidates(Setting::one_space, 0, 1);
  Tally tally;
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = i; j < all.size(); ++j) {
      for (size_t k = j; k < all.size(); ++k) {
        if (all[j].kind == Kind::clone && all[k].kind == Kind::clone) continue;
        Operations three = {all[i], all[j], all[k]};
        for (uint8_t n = 0; n < 3; ++n) {
          if (three[n].kind == Kind::write) three[n].choice = uint8_t(n + 1);
        }
        INFO(model::describe(three, 4, 2));
        ++tally.cases;
        explore_bounded(tally, 1, run_limit(), model::describe(three, 4, 2),
                        scenario_of<TestType>(Setting::one_space, three));
      }
    }
  }
  WARN(tally.text(TestType::name, "triples"));
}
