// The explorer visits what it says, and finds races, deadlocks and late flushes.
#include <catch2/catch.hpp>

#include <set>

#include "base/atomic.h"
#include "base/lock.h"
#include "sim/example/small_kernel.h"
#include "sim/explorer.h"

using sim::explore;
using sim::Scheduler;

namespace {
const base::Access read_write = base::Right::read | base::Right::write | base::Right::user;
}

TEST_CASE("every order of two unguarded increments is seen", "[explorer]") {
  std::set<int> results;
  const sim::Exploration done = explore({}, [&](Scheduler& scheduler) {
    base::Atomic<int> value{0};
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&] { value.store(value.load() + 1); });
    }
    scheduler.run();
    results.insert(value.load());
  });
  REQUIRE(done.complete);
  REQUIRE(results == std::set<int>{1, 2});
}

TEST_CASE("accesses that do not conflict are not permuted", "[explorer]") {
  const sim::Exploration done = explore({}, [&](Scheduler& scheduler) {
    base::Atomic<int> values[3];
    for (uint32_t cpu = 0; cpu < 3; ++cpu) {
      scheduler.spawn(cpu, [&values, cpu] {
        for (int i = 0; i < 10; ++i) values[cpu].fetch_add(1);
      });
    }
    scheduler.run();
  });
  REQUIRE(done.complete);
  REQUIRE(done.runs == 1);
}

TEST_CASE("exhaustive exploration finds all outcomes that brute force finds", "[explorer]") {
  const auto scenario = [](std::set<int>& seen) {
    return [&seen](Scheduler& scheduler) {
      base::Atomic<int> a{0};
      base::Atomic<int> b{0};
      int got[3] = {};
      scheduler.spawn(0, [&] {
        a.store(1);
        got[0] = b.load();
        b.store(2);
      });
      scheduler.spawn(1, [&] {
        b.store(1);
        got[1] = a.load();
        a.fetch_add(2);
      });
      scheduler.spawn(2, [&] { got[2] = a.load() * 4 + b.load(); });
      scheduler.run();
      seen.insert(got[0] + 10 * got[1] + 100 * got[2] + 10000 * a.load() + 100000 * b.load());
    };
  };
  std::set<int> reduced;
  std::set<int> brute;
  const sim::Exploration one = explore({}, scenario(reduced));
  const sim::Exploration all = explore({.preemptions = 100}, scenario(brute));
  REQUIRE(one.complete);
  REQUIRE(reduced == brute);
  REQUIRE(one.runs < all.runs);
}

// Random little programs: what each fiber read, and the end state, over all schedules.
TEST_CASE("exhaustive exploration agrees with brute force on random programs", "[explorer]") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    struct Op {
      unsigned kind;
      unsigned variable;
    };
    sim::Random random(seed);
    const auto fibers = uint32_t(2 + random.below(2));
    std::vector<std::vector<Op>> programs(fibers);
    for (auto& program : programs) {
      const uint64_t length = fibers == 2 ? 1 + random.below(4) : 1 + random.below(2);
      for (uint64_t i = 0; i < length; ++i) {
        program.push_back({unsigned(random.below(4)), unsigned(random.below(2))});
      }
    }
    const auto scenario = [&](std::set<std::vector<int>>& seen) {
      return [&](Scheduler& scheduler) {
        base::Atomic<int> variables[2];
        sim::Lock lock;
        std::vector<std::vector<int>> got(fibers);
        for (uint32_t f = 0; f < fibers; ++f) {
          scheduler.spawn(f, [&, f] {
            int serial = 0;
            for (const Op& op : programs[f]) {
              base::Atomic<int>& variable = variables[op.variable];
              ++serial;
              if (op.kind == 0) got[f].push_back(variable.load());
              if (op.kind == 1) variable.store(int(f) * 10 + serial);
              if (op.kind == 2) got[f].push_back(variable.fetch_add(100));
              if (op.kind == 3) {
                base::Guard guard(lock);
                variable.store(variable.load() + 1000);
              }
            }
          });
        }
        scheduler.run();
        std::vector<int> outcome{variables[0].load(), variables[1].load()};
        for (const auto& values : got) outcome.insert(outcome.end(), values.begin(), values.end());
        seen.insert(outcome);
      };
    };
    std::set<std::vector<int>> reduced;
    std::set<std::vector<int>> brute;
    REQUIRE(explore({}, scenario(reduced)).complete);
    explore({.preemptions = 100}, scenario(brute));
    INFO("seed " << seed);
    REQUIRE(reduced == brute);
  }
}

TEST_CASE("locks exclude, and their orders are all tried", "[explorer]") {
  std::set<int> orders;
  const sim::Exploration done = explore({}, [&](Scheduler& scheduler) {
    sim::Lock lock;
    int order = 0;
    int inside = 0;
    for (uint32_t cpu = 0; cpu < 3; ++cpu) {
      scheduler.spawn(cpu, [&, cpu] {
        base::Guard guard(lock);
        REQUIRE(++inside == 1);
        sim::schedule_point(&order, sim::Touch::write);
        order = order * 10 + int(cpu) + 1;
        --inside;
      });
    }
    scheduler.run();
    orders.insert(order);
  });
  REQUIRE(done.complete);
  REQUIRE(orders.size() == 6);
}

TEST_CASE("two locks taken in opposite order deadlock in some schedule", "[explorer]") {
  bool caught = false;
  try {
    explore({}, [&](Scheduler& scheduler) {
      sim::Lock first;
      sim::Lock second;
      scheduler.spawn(0, [&] {
        base::Guard a(first);
        base::Guard b(second);
      });
      scheduler.spawn(1, [&] {
        base::Guard a(second);
        base::Guard b(first);
      });
      scheduler.run();
    });
  } catch (const sim::Failure& failure) {
    caught = failure.rule() == sim::Rule::deadlock;
  }
  REQUIRE(caught);
}

TEST_CASE("a spin lock makes progress and excludes", "[explorer]") {
  const sim::Exploration done = explore({}, [&](Scheduler& scheduler) {
    base::Atomic<uint32_t> lock{0};
    int inside = 0;
    for (uint32_t cpu = 0; cpu < 2; ++cpu) {
      scheduler.spawn(cpu, [&] {
        while (lock.exchange(1) != 0) Scheduler::current()->relax();
        REQUIRE(++inside == 1);
        sim::schedule_point(&inside, sim::Touch::write);
        --inside;
        lock.store(0);
      });
    }
    scheduler.run();
  });
  REQUIRE(done.complete);
}

TEST_CASE("a spin that nobody ends is a deadlock", "[explorer]") {
  bool caught = false;
  try {
    explore({}, [&](Scheduler& scheduler) {
      base::Atomic<uint32_t> flag{0};
      scheduler.spawn(0, [&] {
        while (flag.load() == 0) Scheduler::current()->relax();
      });
      scheduler.run();
    });
  } catch (const sim::Failure& failure) {
    caught = failure.rule() == sim::Rule::deadlock;
  }
  REQUIRE(caught);
}

// A program on one CPU writes while another CPU unmaps the page: the frame must not be freed while
// the write can still land in it, in any order.
template <class F>
sim::Exploration unmap_against_writer(example::Mistake mistake) {
  return explore({}, [&](Scheduler& scheduler) {
    sim::Options options;
    options.frames = 32;
    options.sets_accessed = false;
    sim::ComputerOf<F> computer(options);
    example::SmallKernel<F> kernel(computer, mistake);
    computer.run_on(0, [&] { kernel.enter(); });
    computer.run_on(1, [&] { kernel.enter(); });
    kernel.map(base::Vpn(1), read_write);
    scheduler.spawn(0, [&] { kernel.unmap(base::Vpn(1)); });
    scheduler.spawn(1, [&] {
      for (int i = 0; i < 2; ++i) (void)computer.write_byte(0x1000, uint8_t(i));
    });
    scheduler.run();
    if (computer.write_byte(0x1000, 9).ok()) sim::fail(sim::Rule::mismatch, "still mapped");
  });
}

TEMPLATE_TEST_CASE("unmapping races a writer without harm, and is caught when it frees early",
                   "[explorer]", x86_64::Format, aarch64::Format) {
  REQUIRE(unmap_against_writer<TestType>(example::Mistake::none).complete);
  REQUIRE_THROWS_AS(unmap_against_writer<TestType>(example::Mistake::free_before_acknowledge),
                    sim::Failure);
  REQUIRE_THROWS_AS(unmap_against_writer<TestType>(example::Mistake::no_flush), sim::Failure);
}
