// EntryLog: every entry write in order, rewindable.
//
// `states_between` walks through each state of memory from a mark to now, one write at a time, as a
// CPU that speculates could have met it. Tables freed since the mark are kept as they were.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "sim/ram.h"

namespace sim {

struct EntryWrite {
  uint64_t* slot;
  uint64_t before;
  uint64_t after;
  uint32_t cpu;
};

class EntryLog {
 public:
  using Mark = size_t;

  void enable() { enabled_ = true; }
  [[nodiscard]] bool enabled() const { return enabled_; }
  void record(const EntryWrite& write) {
    if (enabled_) writes_.push_back(write);
  }
  // A table frame is about to be filled with poison: keeps its words.
  void keep(base::Pfn frame, uint64_t* words);
  [[nodiscard]] Mark mark() const { return writes_.size(); }
  [[nodiscard]] const std::vector<EntryWrite>& writes() const { return writes_; }
  void clear();

  // Calls visit(load, step) for the state before the first write after `from`, and after each;
  // load(slot) reads a word in that state.
  template <class Visit>
  void states_between(Mark from, Visit&& visit) const {
    std::unordered_map<const uint64_t*, uint64_t> state;
    for (size_t i = writes_.size(); i-- > from;) state[writes_[i].slot] = writes_[i].before;
    const auto load = [&](const uint64_t* slot) {
      const auto written = state.find(slot);
      if (written != state.end()) return written->second;
      const auto kept = kept_.find(slot);
      return kept != kept_.end() ? kept->second : *slot;
    };
    visit(load, from);
    for (size_t i = from; i < writes_.size(); ++i) {
      state[writes_[i].slot] = writes_[i].after;
      visit(load, i + 1);
    }
  }

 private:
  bool enabled_ = false;
  std::vector<EntryWrite> writes_;
  std::unordered_map<const uint64_t*, uint64_t> kept_;
};

}  // namespace sim
