// Random sequences of system calls on the host's Linux and on libvm. See docs/testing.md.
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "linux/match.h"

namespace {

using namespace linux_oracle;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

// The agent's executable is beside this one.
std::string agent() {
  char name[4096];
  const ssize_t size = readlink("/proc/self/exe", name, sizeof name);
  const std::string self(name, size_t(size));
  return self.substr(0, self.rfind('/')) + "/linux_agent";
}

struct Sequence {
  uint64_t seed = 0;
  uint64_t file_pages = 1;
  std::vector<Call> calls;
};

Sequence draw_sequence(uint64_t seed) {
  sim::Random random(seed * 77 + 5);
  Sequence sequence;
  sequence.seed = seed;
  sequence.file_pages = 1 + random.below(arena_pages + 2);
  const uint64_t length = 4 + random.below(36);
  for (uint64_t i = 0; i < length; ++i) sequence.calls.push_back(draw(random));
  return sequence;
}

// Nothing: they agree.
template <class F>
std::string disagreement(Host& host, Tally& tally, const Sequence& sequence) {
  try {
    sim::run_abandonable([&] {
      Match<F> match(host, tally, sequence.seed, sequence.file_pages);
      for (const Call& call : sequence.calls) match.make(call);
      match.finish();
    });
  } catch (const sim::Failure& failure) {
    return failure.what();
  }
  return {};
}

// Leaves out what is not needed for the failure.
template <class F>
void minimise(Host& host, Sequence& sequence) {
  Tally tally;
  for (size_t step = (sequence.calls.size() + 1) / 2; step != 0; step /= 2) {
    for (size_t at = 0; at + step <= sequence.calls.size();) {
      Sequence shorter = sequence;
      shorter.calls.erase(shorter.calls.begin() + long(at),
                          shorter.calls.begin() + long(at + step));
      if (!disagreement<F>(host, tally, shorter).empty()) {
        sequence = shorter;
      } else {
        at += step;
      }
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("random sequences of system calls agree with Linux", "[linux]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  const uint64_t sequences = from_environment("LINUX_SEQUENCES", 2000) / 2;
  const uint64_t first = from_environment("LINUX_SEED", 1);
  Host host(agent());
  Tally tally;
  // Each format its own: all are about libvm as much as about the format.
  const uint64_t mine = std::is_same_v<F, aarch64::Format> ? 1 : 0;
  for (uint64_t i = 0; i < sequences; ++i) {
    Sequence sequence = draw_sequence(first + 2 * i + mine);
    const std::string what = disagreement<F>(host, tally, sequence);
    if (what.empty()) continue;
    std::fprintf(stderr, "%s, seed %llu: %s\n", F::name, (unsigned long long)sequence.seed,
                 what.c_str());
    minimise<F>(host, sequence);
    FAIL(F::name << ", seed " << sequence.seed << ", file of " << sequence.file_pages
                 << " pages: " << disagreement<F>(host, tally, sequence) << "\n"
                 << describe(sequence.calls));
  }
  std::string text;
  for (unsigned i = 0; i < difference_count; ++i) {
    text += std::to_string(tally.differences[i]) + " x " + difference_texts[i].what + "\n";
  }
  WARN(F::name << ": " << tally.sequences << " sequences, " << tally.calls
               << " calls; intended differences met:\n"
               << text);
}
