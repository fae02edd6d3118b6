// Random and enumerated sequences of operations against the oracle, on both formats. See
// docs/testing.md for the environment variables of long runs.
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>

#include "model/rig.h"

namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

struct Sequence {
  uint64_t seed = 0;
  model::RigOptions options;
  std::vector<model::Operation> operations;
};

// Runs the sequence; false and a report when it fails.
template <class F>
bool passes(const Sequence& sequence, std::string* report) {
  try {
    model::Rig<F> rig(sequence.options);
    for (const model::Operation& operation : sequence.operations) rig.apply(operation);
    rig.read_everything();
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
               << model::describe(sequence.operations));
}

model::RigOptions options_of(uint64_t seed) {
  sim::Random random(seed * 77);
  model::RigOptions options;
  options.pages = 4 + unsigned(random.below(9));
  options.object_pages = 1 + unsigned(random.below(options.pages + 2));
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
void run_random(uint64_t seed, uint64_t length) {
  Sequence sequence;
  sequence.seed = seed;
  sequence.options = options_of(seed);
  // x86_64 always sets accessed and dirty bits.
  if (std::string(F::name) == "x86_64") {
    sequence.options.machine.features.hardware_accessed = true;
    sequence.options.machine.features.hardware_dirty = true;
  }
  sim::Random random(seed);
  try {
    model::Rig<F> rig(sequence.options);
    for (uint64_t i = 0; i < length; ++i) {
      sequence.operations.push_back(model::draw(random, sequence.options.pages));
      rig.apply(sequence.operations.back());
    }
    rig.read_everything();
  } catch (const sim::Failure& failure) {
    std::fprintf(stderr, "%s, seed %llu: %s\n", F::name, (unsigned long long)seed, failure.what());
    report<F>(sequence);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("random sequences of operations agree with the oracle", "[model]",
                   x86_64::Format, aarch64::Format) {
  const uint64_t operations = from_environment("MODEL_OPERATIONS", 20'000);
  const uint64_t first = from_environment("MODEL_SEED", 1);
  const uint64_t length = from_environment("MODEL_LENGTH", 200);
  for (uint64_t i = 0; i * length < operations; ++i) run_random<TestType>(first + i, length);
}
