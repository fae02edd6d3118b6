// See explorer.h. Source: Abdulla, Aronis, Jonsson, Sagonas, "Optimal dynamic partial order
// reduction", POPL 2014 (source sets), over Flanagan and Godefroid, POPL 2005; sleep sets after
// Godefroid.
#include "sim/explorer.h"

#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "sim/failure.h"

namespace sim {

namespace {

constexpr uint32_t max_fibers = 64;
using FiberSet = uint64_t;
constexpr FiberSet one(uint32_t fiber) {
  return 1ULL << fiber;
}

struct Node {
  FiberSet enabled = 0;
  FiberSet backtrack = 0;  // to be tried from here
  FiberSet done = 0;       // tried, the present choice included
  FiberSet sleep = 0;      // would repeat what was seen elsewhere
  uint32_t chosen = 0;
  uint32_t previous = 0;      // who ran before
  uint32_t preemptions = 0;   // before this step
  std::vector<Pending> next;  // of every fiber
};

using Clock = std::vector<uint32_t>;  // per fiber: how many of its steps are before

void join(Clock& into, const Clock& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

struct Step {
  uint32_t fiber;
  uint32_t index;
  Clock clock;  // the step included
  Pending step;
};

// What happened to one address in this run.
struct History {
  struct Event {
    size_t depth;
    uint32_t fiber;
    uint32_t index;  // the fiber's own count of steps
  };
  std::vector<Event> writes;  // the last write or acquire
  std::vector<Event> reads;   // since then
  Clock write_clock;
  Clock read_clock;
};

class Explorer final : public Chooser {
 public:
  explicit Explorer(const ExploreOptions& options) : options_(options) {}

  Exploration explore(const std::function<void(Scheduler&)>& scenario) {
    do {
      begin_run();
      ++result_.runs;
      Scheduler scheduler(*this);
      scenario(scheduler);
      result_.longest = std::max<uint64_t>(result_.longest, depth_);
      if (bounded()) add_preemptions();
      if (result_.runs >= options_.max_runs) return result_;
    } while (advance());
    result_.complete = !bounded();
    return result_;
  }

  void failed(const char* what) override {
    std::fprintf(stderr, "sim: %s\n", what);
    print_schedule();
  }

  uint32_t choose(const Scheduler& scheduler, const std::vector<uint32_t>& enabled,
                  uint32_t current) override {
    if (scheduler.fiber_count() > max_fibers) fail(Rule::mismatch, "too many fibers to explore");
    if (depth_ > options_.max_steps) {
      fail(Rule::livelock, "%zu steps and no end", depth_);
    }
    if (depth_ == nodes_.size()) {
      nodes_.push_back(make_node(scheduler, enabled, current));
    }
    const Node& node = nodes_[depth_];
    if ((mask_of(enabled) & one(node.chosen)) == 0) {
      fail(Rule::mismatch, "scenario is not deterministic: step %zu differs between runs", depth_);
    }
    const uint32_t fiber = node.chosen;
    note_step(scheduler, fiber);
    ++depth_;
    return fiber;
  }

 private:
  [[nodiscard]] bool bounded() const { return options_.preemptions != ExploreOptions::exhaustive; }
  static FiberSet mask_of(const std::vector<uint32_t>& fibers) {
    FiberSet set = 0;
    for (const uint32_t fiber : fibers) set |= one(fiber);
    return set;
  }

  void begin_run() {
    depth_ = 0;
    clocks_.clear();
    counts_.clear();
    steps_.clear();
    histories_.clear();
  }

  Node make_node(const Scheduler& scheduler, const std::vector<uint32_t>& enabled,
                 uint32_t current) {
    Node node;
    node.enabled = mask_of(enabled);
    node.previous = current;
    for (uint32_t i = 0; i < scheduler.fiber_count(); ++i) {
      node.next.push_back(scheduler.pending(i));
    }
    if (depth_ != 0) {
      const Node& parent = nodes_[depth_ - 1];
      const Pending& step = parent.next[parent.chosen];
      const FiberSet candidates = (parent.sleep | parent.done) & ~one(parent.chosen);
      if (!bounded()) {
        for (uint32_t i = 0; i < parent.next.size(); ++i) {
          if ((candidates & one(i)) != 0 && !conflict(parent.next[i], step)) node.sleep |= one(i);
        }
      }
      node.preemptions = parent.preemptions + (switches_away(parent) ? 1 : 0);
    }
    const FiberSet awake = node.enabled & ~node.sleep;
    const FiberSet from =
        awake != 0 ? awake : node.enabled;  // all asleep: a repetition, run it out
    node.chosen = current != Scheduler::nobody && (from & one(current)) != 0
                      ? current
                      : uint32_t(__builtin_ctzll(from));
    node.backtrack = node.done = one(node.chosen);
    return node;
  }
  static bool switches_away(const Node& node) {
    return node.previous != Scheduler::nobody && node.chosen != node.previous &&
           (node.enabled & one(node.previous)) != 0;
  }

  // Race analysis: who must also be tried where, because of the step about to be made.
  void note_step(const Scheduler& scheduler, uint32_t fiber) {
    while (clocks_.size() < scheduler.fiber_count()) {
      const uint32_t parent = scheduler.parent(uint32_t(clocks_.size()));
      clocks_.push_back(parent != Scheduler::nobody && parent < clocks_.size() ? clocks_[parent]
                                                                               : Clock());
      counts_.push_back(0);
    }
    const Pending step =
        nodes_[depth_].next.size() > fiber ? nodes_[depth_].next[fiber] : scheduler.pending(fiber);
    const uint32_t index = ++counts_[fiber];
    Clock& clock = clocks_[fiber];
    if (clock.size() <= fiber) clock.resize(fiber + 1);
    const Clock before = clock;
    race(step, step.address, step.touch, fiber, before);
    race(step, step.also, step.also_touch, fiber, before);
    clock[fiber] = index;
    steps_.push_back({fiber, index, clock, step});
    record(step.address, step.touch, fiber, index);
    record(step.also, step.also_touch, fiber, index);
  }

  void race(const Pending& step, const volatile void* address, Touch touch, uint32_t fiber,
            const Clock& before) {
    if (address == nullptr) return;
    History& history = histories_[address];
    // A release never meets a waiting acquire: only acquires race with each other.
    if (!bounded() && touch != Touch::release) {
      for (const History::Event& event : history.writes) consider(event, step, fiber, before);
      if (touch != Touch::read) {
        for (const History::Event& event : history.reads) consider(event, step, fiber, before);
      }
    }
    join(clocks_[fiber], history.write_clock);
    if (touch != Touch::read) join(clocks_[fiber], history.read_clock);
  }

  static bool has_seen(const Clock& clock, uint32_t fiber, uint32_t index) {
    return fiber < clock.size() && clock[fiber] >= index;
  }

  // `event` and the step about to be made by `fiber` could come in the other order: someone who can
  // begin that must be tried before the event.
  void consider(const History::Event& event, const Pending& step, uint32_t fiber,
                const Clock& before) {
    if (event.fiber == fiber || has_seen(before, event.fiber, event.index)) return;
    Node& node = nodes_[event.depth];
    // What happened since without depending on the event, then the step: who can come first in it?
    FiberSet met = 0;
    FiberSet first = 0;
    std::vector<const Step*> independent;
    for (size_t i = event.depth + 1; i < depth_; ++i) {
      const Step& other = steps_[i];
      if (has_seen(other.clock, event.fiber, event.index)) continue;
      if ((met & one(other.fiber)) == 0) {
        met |= one(other.fiber);
        bool initial = true;
        for (const Step* earlier : independent) {
          initial = initial && !has_seen(other.clock, earlier->fiber, earlier->index);
        }
        if (initial) first |= one(other.fiber);
      }
      independent.push_back(&other);
    }
    if ((met & one(fiber)) == 0) {
      bool initial = true;
      for (const Step* earlier : independent) {
        initial = initial && !has_seen(before, earlier->fiber, earlier->index) &&
                  !conflict(earlier->step, step);
      }
      if (initial) first |= one(fiber);
    }
    first &= node.enabled;
    if (first == 0) {
      node.backtrack |= node.enabled;
      return;
    }
    if ((first & (node.backtrack | node.sleep)) != 0) return;
    node.backtrack |= (first & one(fiber)) != 0 ? one(fiber) : first & (~first + 1);
  }

  void record(const volatile void* address, Touch touch, uint32_t fiber, uint32_t index) {
    if (address == nullptr) return;
    History& history = histories_[address];
    const History::Event event{depth_, fiber, index};
    if (touch == Touch::read) {
      history.reads.push_back(event);
      join(history.read_clock, clocks_[fiber]);
      return;
    }
    if (touch != Touch::release) history.writes.assign(1, event);
    if (touch != Touch::release) history.reads.clear();
    history.write_clock = clocks_[fiber];
  }

  // Bounded mode: after a run, every conflicting step of it may be preempted.
  void add_preemptions() {
    std::unordered_map<const volatile void*, std::pair<FiberSet, bool>> touched;
    const auto note = [&](const volatile void* address, Touch touch, uint32_t fiber) {
      if (address == nullptr) return;
      auto& [fibers, written] = touched[address];
      fibers |= one(fiber);
      written = written || touch != Touch::read;
    };
    for (const Node& node : nodes_) {
      const Pending& step = node.next[node.chosen];
      note(step.address, step.touch, node.chosen);
      note(step.also, step.also_touch, node.chosen);
    }
    const auto shared = [&](const volatile void* address) {
      const auto found = touched.find(address);
      return found != touched.end() && found->second.second &&
             (found->second.first & (found->second.first - 1)) != 0;
    };
    for (Node& node : nodes_) {
      const Pending& step = node.next[node.chosen];
      const bool free_switch =
          node.previous == Scheduler::nobody || (node.enabled & one(node.previous)) == 0;
      if (!free_switch && node.preemptions >= options_.preemptions) continue;
      if (free_switch || shared(step.address) || shared(step.also)) node.backtrack |= node.enabled;
    }
  }

  // The next schedule to try: false when there is none.
  bool advance() {
    while (!nodes_.empty()) {
      Node& node = nodes_.back();
      const FiberSet left = node.backtrack & node.enabled & ~node.done & ~node.sleep;
      if (left != 0) {
        node.chosen = uint32_t(__builtin_ctzll(left));
        node.done |= one(node.chosen);
        return true;
      }
      nodes_.pop_back();
    }
    return false;
  }

  void print_schedule() const {
    std::fprintf(stderr, "sim: failing schedule (run %llu), fiber x steps:",
                 (unsigned long long)result_.runs);
    uint32_t fiber = Scheduler::nobody;
    uint64_t steps = 0;
    for (size_t i = 0; i < depth_ && i < nodes_.size(); ++i) {
      if (nodes_[i].chosen != fiber && steps != 0) {
        std::fprintf(stderr, " %ux%llu", fiber, (unsigned long long)steps);
        steps = 0;
      }
      fiber = nodes_[i].chosen;
      ++steps;
    }
    std::fprintf(stderr, " %ux%llu\n", fiber, (unsigned long long)steps);
  }

  ExploreOptions options_;
  Exploration result_;
  std::vector<Node> nodes_;
  size_t depth_ = 0;
  std::vector<Clock> clocks_;
  std::vector<uint32_t> counts_;
  std::vector<Step> steps_;
  std::unordered_map<const volatile void*, History> histories_;
};

class RandomChooser final : public Chooser {
 public:
  RandomChooser(uint64_t seed, uint64_t switch_one_in) : random_(seed), one_in_(switch_one_in) {}
  uint32_t choose(const Scheduler&, const std::vector<uint32_t>& enabled,
                  uint32_t current) override {
    const bool stays = std::find(enabled.begin(), enabled.end(), current) != enabled.end();
    if (stays && !random_.once_in(one_in_)) return current;
    return enabled[random_.below(enabled.size())];
  }

 private:
  Random random_;
  uint64_t one_in_;
};

}  // namespace

Exploration explore(const ExploreOptions& options,
                    const std::function<void(Scheduler&)>& scenario) {
  return Explorer(options).explore(scenario);
}

void run_random(uint64_t seed, uint64_t switch_one_in,
                const std::function<void(Scheduler&)>& scenario) {
  RandomChooser chooser(seed, switch_one_in);
  Scheduler scheduler(chooser);
  scenario(scheduler);
}

}  // namespace sim
