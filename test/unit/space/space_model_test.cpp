// Random operations on a few related spaces against a flat model: which value each page has, what
// may be done to it. After every operation results, contents and invariants are compared.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "space_fixture.h"

using namespace space_test;
using base::Access;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

struct ModelPage {
  Access access;
  uint64_t value = 0;
  bool wiped = false;
  bool locked = false;
};
using Model = std::map<uint64_t, ModelPage>;

template <class F>
struct Pair {
  explicit Pair(World<F>& world) : process(world) {}
  Process<F> process;
  Model model;
};

constexpr uint64_t base_page = 0x1f0;  // crosses a table's edge
constexpr uint64_t universe = 64;

template <class F>
void compare(Pair<F>& pair) {
  pair.process.space.check();
  for (uint64_t page = base_page; page < base_page + universe; ++page) {
    const auto at = pair.model.find(page);
    const bool readable = at != pair.model.end() && at->second.access.can_read();
    const std::optional<uint64_t> value = pair.process.read(page);
    if (value.has_value() != readable) FAIL("page " << page << " readable " << readable);
    if (readable && *value != at->second.value) {
      FAIL("page " << page << " is " << *value << ", expected " << at->second.value);
    }
    if (!readable && (pair.process.refusal == vm::Refusal::unmapped) != (at == pair.model.end())) {
      FAIL("page " << page << " refused for the wrong reason");
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("random operations on related spaces agree with a flat model", "",
                   x86_64::Format, aarch64::Format) {
  const unsigned seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  World<TestType> world;
  std::vector<std::unique_ptr<Pair<TestType>>> pairs;
  pairs.push_back(std::make_unique<Pair<TestType>>(world));
  const Access accesses[] = {Right::read | Right::write, Right::read, Access::none(),
                             Right::read | Right::write};
  uint64_t next_value = 1;
  for (int step = 0; step < 1500; ++step) {
    Pair<TestType>& pair = *pairs[random() % pairs.size()];
    Model& model = pair.model;
    const uint64_t first = base_page + random() % universe;
    const uint64_t count = 1 + random() % std::min<uint64_t>(12, base_page + universe - first);
    const VpnRange range = VpnRange::of(Vpn(first), PageCount(count));
    bool covered = true;
    bool any_locked = false;
    for (uint64_t page = first; page < first + count; ++page) {
      covered = covered && model.count(page) != 0;
      if (model.count(page) != 0 && model[page].locked) any_locked = true;
    }
    switch (random() % 11) {
      case 0:
      case 1: {
        const Access access = accesses[random() % 4];
        REQUIRE(pair.process.map(first, count, access).ok());
        for (uint64_t page = first; page < first + count; ++page) model[page] = {access, 0};
        break;
      }
      case 2: {
        REQUIRE(pair.process.space.unmap(range).ok());
        for (uint64_t page = first; page < first + count; ++page) model.erase(page);
        break;
      }
      case 3: {
        const Access access = accesses[random() % 4];
        const base::Status status = pair.process.space.protect(range, access);
        REQUIRE(status.ok() == covered);
        if (covered) {
          for (uint64_t page = first; page < first + count; ++page) model[page].access = access;
        }
        break;
      }
      case 4:
      case 5:
      case 6: {
        for (uint64_t page = first; page < first + count; ++page) {
          const bool writable = model.count(page) != 0 && model[page].access.can_write();
          REQUIRE(pair.process.write(page, next_value) == writable);
          if (writable) model[page].value = next_value;
          ++next_value;
        }
        break;
      }
      case 7: {
        const base::Status status = pair.process.space.advise(range, vm::Advice::dont_need);
        if (any_locked) {
          REQUIRE(status.error() == base::Error::invalid_argument);
          break;
        }
        REQUIRE(status.ok() == covered);
        for (uint64_t page = first; page < first + count; ++page) {
          if (model.count(page) != 0) model[page].value = 0;
        }
        break;
      }
      case 8: {
        if (pairs.size() >= 4) {
          const size_t victim = random() % pairs.size();
          pairs.erase(pairs.begin() + long(victim));
          break;
        }
        auto child = std::make_unique<Pair<TestType>>(world);
        REQUIRE(pair.process.space.clone_into(child->process.space).ok());
        for (const auto& [page, state] : model) {
          ModelPage copy = state;
          if (state.wiped) copy.value = 0;
          copy.locked = false;
          child->model[page] = copy;
        }
        compare(*child);
        pairs.push_back(std::move(child));
        break;
      }
      case 9: {
        const bool wipe = random() % 2 != 0;
        const base::Status status = pair.process.space.advise(
            range, wipe ? vm::Advice::wipe_on_fork : vm::Advice::keep_on_fork);
        REQUIRE(status.ok() == covered);
        for (uint64_t page = first; page < first + count; ++page) {
          if (model.count(page) != 0) model[page].wiped = wipe;
        }
        break;
      }
      case 10: {  // move to elsewhere in the universe, within one mapping
        const base::Optional<vm::Mapping> mapping =
            pair.process.space.mapping_at_or_after(Vpn(first));
        vm::RemapRequest request;
        request.source = range;
        request.new_count = PageCount(1 + random() % 8);
        request.move = vm::RemapRequest::Move::fixed;
        const uint64_t target = base_page + random() % (universe - request.new_count.raw() + 1);
        request.target = Vpn(target);
        const VpnRange to = VpnRange::of(request.target, request.new_count);
        const uint64_t kept = std::min(count, request.new_count.raw());
        const bool one =
            mapping && mapping->range().contains(VpnRange::of(Vpn(first), PageCount(kept)));
        const bool fits =
            one && (request.new_count.raw() < count || mapping->range().contains(range));
        const base::Result<VpnRange> result = pair.process.space.remap(request);
        if (to.overlaps(range)) {
          REQUIRE(result.error() == base::Error::invalid_argument);
          break;
        }
        REQUIRE(result.ok() == fits);
        if (!fits) break;
        Model old = model;
        const ModelPage pattern{mapping->access(), 0, old[first].wiped, false};
        for (uint64_t page = 0; page < request.new_count.raw(); ++page) {
          model[target + page] = page < kept ? old[first + page] : pattern;
        }
        for (uint64_t page = first; page < first + count; ++page) model.erase(page);
        break;
      }
    }
    if (!pairs.empty() && step % 5 == 0) {
      for (auto& each : pairs) compare(*each);
    }
    if (pairs.empty()) pairs.push_back(std::make_unique<Pair<TestType>>(world));
  }
}
