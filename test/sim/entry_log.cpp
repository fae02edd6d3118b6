// See entry_log.h.
#include "sim/entry_log.h"

namespace sim {

void EntryLog::keep(base::Pfn, uint64_t* words) {
  if (!enabled_) return;
  for (unsigned i = 0; i < 512; ++i) kept_[words + i] = words[i];
}

void EntryLog::clear() {
  writes_.clear();
  kept_.clear();
}

}  // namespace sim
