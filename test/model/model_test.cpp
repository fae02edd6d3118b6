// Random and enumerated sequences of operations against the oracle, on both formats. See
// docs/testing.md for the environment variables of long runs.
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>

#include "model/rig.h"

// tools/mutate compiles one at a time.
#ifndef TEST_FORMATS
#define TEST_FORMATS x86_64::Format, aarch64::Format
#endif

namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

enum class Memory : uint8_t { enough, fails };

struct Sequence {
  uint64_t seed = 0;
  Memory memory = Memory::enough;
  model::RigOptions options;
  std::vector<model::Operation> operations;
};

// Makes the operation fail at its first allocation, its second, ... until none fails. Each time
// nothing may have changed.
template <class F>
uint64_t apply_with_failures(model::Rig<F>& rig, const model::Operation& operation) {
  sim::Ram& ram = rig.world().computer.ram();
  rig.set_may_fail(true);
  uint64_t failures = 0;
  for (uint64_t n = 0;; ++n) {
    ram.fail_after(n);
    rig.apply(operation);
    const bool failed = rig.failed_for_memory();
    ram.clear_failure();
    if (!failed) break;
    ++failures;
  }
  rig.set_may_fail(false);
  return failures;
}

template <class F>
uint64_t apply(model::Rig<F>& rig, const model::Operation& operation, Memory memory) {
  if (memory == Memory::fails) return apply_with_failures(rig, operation);
  rig.apply(operation);
  return 0;
}

// Runs the sequence; false and a report when it fails.
template <class F>
bool passes(const Sequence& sequence, std::string* report) {
  try {
    sim::run_abandonable([&] {
      model::Rig<F> rig(sequence.options);
      for (const model::Operation& operation : sequence.operations) {
        apply(rig, operation, sequence.memory);
      }
      rig.read_everything();
    });
  } catch (const sim::Failure& failure) {
    if (report != nullptr) *report = failure.what();
    return false;
  }
  return true;
}

// Leaves out what is not needed for the failure.
template <class F>
void minimise(Sequence& sequence) {
  for (size_t step = sequence.operations.size() / 2; step != 0; step /= 2) {
    for (size_t at = 0; at + step <= sequence.operations.size();) {
      Sequence shorter = sequence;
      shorter.operations.erase(shorter.operations.begin() + long(at),
                               shorter.operations.begin() + long(at + step));
      if (!passes<F>(shorter, nullptr)) {
        sequence = shorter;
      } else {
        at += step;
      }
    }
  }
}

template <class F>
void report(Sequence sequence) {
  minimise<F>(sequence);
  std::string what;
  passes<F>(sequence, &what);
  FAIL(F::name << ", seed " << sequence.seed << ": " << what << "\n"

               << model::describe(sequence.operations, sequence.options.pages,
                                  sequence.options.spaces));
}

model::RigOptions options_of(uint64_t seed) {
  sim::Random random(seed * 77);
  model::RigOptions options;
  options.deep_every = from_environment("MODEL_DEEP_EVERY", 1);
  options.pages = 4 + unsigned(random.below(9));
  options.object_pages = 1 + unsigned(random.below(options.pages + 2));
  options.spaces = random.once_in(2) ? 3 : 2;
  if (random.once_in(8)) {
    options.stride = 64u << random.below(3);
    options.huge_pages = vm::HugePages::always;
  }
  options.machine.seed = seed;
  options.machine.features.levels = random.once_in(8) ? 5 : 4;
  options.machine.features.physical_bits = options.machine.features.levels == 5 ? 52 : 48;
  options.machine.features.tag_bits = random.once_in(3) ? 2 : 12;
  if (random.once_in(4)) {
    options.machine.features.hardware_accessed = options.machine.features.hardware_dirty = false;
  }
  return options;
}

template <class F>
uint64_t run_random(uint64_t seed, uint64_t length, Memory memory) {
  uint64_t failures = 0;
  Sequence sequence;
  sequence.seed = seed;
  sequence.memory = memory;
  sequence.options = options_of(seed);
  // x86_64 always sets accessed and dirty bits.
  if (std::string(F::name) == "x86_64") {
    sequence.options.machine.features.hardware_accessed = true;
    sequence.options.machine.features.hardware_dirty = true;
  }
  sim::Random random(seed);
  try {
    sim::run_abandonable([&] {
      model::Rig<F> rig(sequence.options);
      for (uint64_t i = 0; i < length; ++i) {
        model::Operation operation =
            model::draw(random, sequence.options.pages, sequence.options.spaces);
        // Half of a populate may have been done when memory ran out.
        if (memory == Memory::fails && operation.kind == model::Kind::populate) continue;
        sequence.operations.push_back(operation);
        failures += apply(rig, operation, memory);
      }
      rig.read_everything();
    });
  } catch (const sim::Failure& failure) {
    std::fprintf(stderr, "%s, seed %llu: %s\n", F::name, (unsigned long long)seed, failure.what());
    report<F>(sequence);
  }
  return failures;
}

// What every sequence is made of: both spaces, four pages over the border of two tables.
std::vector<model::Operation> alphabet() {
  using model::Kind;
  std::vector<model::Operation> operations;
  for (uint8_t space = 0; space < 2; ++space) {
    const auto add = [&](Kind kind, uint8_t page, uint8_t count, uint8_t choice = 0,
                         model::Backing backing = model::Backing::zero_fill) {
      model::Operation operation;
      operation.kind = kind;
      operation.space = space;
      operation.page = page;
      operation.count = count;
      operation.choice = choice;
      operation.backing = backing;
      operation.target = kind == Kind::remap ? 2 : 0;
      operation.new_count = 2;
      operations.push_back(operation);
    };
    add(Kind::map, 0, 4, 2);
    add(Kind::map, 1, 2, 1);
    add(Kind::map, 1, 3, 2, model::Backing::shared_object);
    add(Kind::map, 0, 2, 2, model::Backing::private_object);
    add(Kind::unmap, 1, 2);
    add(Kind::protect, 0, 2, 1);
    add(Kind::protect, 1, 3, 2);
    add(Kind::write, 1, 1);
    add(Kind::write, 2, 1);
    add(Kind::read, 2, 1);
    add(Kind::clone, 0, 1);
    add(Kind::dont_need, 1, 2);
    add(Kind::remap, 0, 2);
  }
  return operations;
}

template <class F>
class Enumeration {
 public:
  explicit Enumeration(uint64_t depth) : depth_(depth) {
    options_.pages = 4;
    options_.object_pages = 4;
    options_.machine.frames = 256;
    options_.machine.sets_accessed = false;
  }
  uint64_t run() {
    try {
      sim::run_abandonable([&] {
        model::Rig<F> rig(options_);
        extend(rig);
      });
    } catch (const sim::Failure& failure) {
      FAIL(F::name << ": " << failure.what() << "\n"
                   << model::describe(sequence_, options_.pages, options_.spaces));
    }
    return count_;
  }

 private:
  // Tries every operation after the present sequence. One that changes nothing is not followed:
  // what comes after it is a shorter sequence. The two spaces are alike: the first operation is in
  // 0.
  void extend(model::Rig<F>& rig) {
    for (const model::Operation& operation : alphabet_) {
      if (sequence_.empty() && operation.space != 0) continue;
      rig.restart();
      rig.set_comparing(false);
      for (const model::Operation& earlier : sequence_) rig.apply(earlier);
      rig.set_comparing(true);
      sequence_.push_back(operation);
      ++count_;
      if (rig.apply(operation) && sequence_.size() < depth_) extend(rig);
      sequence_.pop_back();
    }
  }

  uint64_t depth_;
  uint64_t count_ = 0;
  model::RigOptions options_;
  std::vector<model::Operation> alphabet_ = alphabet();
  std::vector<model::Operation> sequence_;
};

}  // namespace

TEMPLATE_TEST_CASE("every short sequence of operations agrees with the oracle", "[model]",
                   TEST_FORMATS) {
  const uint64_t depth = from_environment("MODEL_DEPTH", 3);
  const uint64_t sequences = Enumeration<TestType>(depth).run();
  WARN(TestType::name << ": " << sequences << " sequences of up to " << depth << " operations");
}

// What a long random run has met, minimised.
TEMPLATE_TEST_CASE("sequences that once differed from the oracle agree", "[model]", TEST_FORMATS) {
  using model::Backing;
  using model::Kind;
  Sequence sequence;
  sequence.options.pages = 12;
  sequence.options.object_pages = 12;
  sequence.options.spaces = 3;
  // A lender of the lender may not execute its page, which its borrower's borrower asks for.
  sequence.operations = {
      {.kind = Kind::map_new, .page = 3, .count = 3, .choice = 13},
      {.kind = Kind::borrow, .space = 2, .page = 4, .count = 2, .target = 3, .choice = 6},
      {.kind = Kind::borrow, .space = 1, .page = 4, .count = 1, .target = 1, .choice = 6},
      {.kind = Kind::map, .page = 5, .count = 2, .choice = 2, .backing = Backing::private_object},
      {.kind = Kind::execute, .space = 1, .page = 1}};
  std::string report;
  if (!passes<TestType>(sequence, &report)) {
    FAIL(report << "\n" << model::describe(sequence.operations, 12, 3));
  }
}

TEMPLATE_TEST_CASE("random sequences of operations agree with the oracle", "[model]",
                   TEST_FORMATS) {
  const uint64_t operations = from_environment("MODEL_OPERATIONS", 500'000);
  const uint64_t first = from_environment("MODEL_SEED", 1);
  const uint64_t length = from_environment("MODEL_LENGTH", 200);
  for (uint64_t i = 0; i * length < operations; ++i) {
    run_random<TestType>(first + i, length, Memory::enough);
  }
}

TEMPLATE_TEST_CASE("every allocation of every operation fails once, and nothing changes", "[model]",
                   TEST_FORMATS) {
  const uint64_t operations = from_environment("MODEL_OPERATIONS", 500'000) / 10;
  const uint64_t first = from_environment("MODEL_SEED", 1);
  const uint64_t length = from_environment("MODEL_LENGTH", 200);
  uint64_t failures = 0;
  for (uint64_t i = 0; i * length < operations; ++i) {
    failures += run_random<TestType>(first + i, length, Memory::fails);
  }
  CHECK(failures > operations / 10);
}
