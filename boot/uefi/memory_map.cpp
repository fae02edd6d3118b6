#include "memory_map.h"

namespace boot {
namespace {

constexpr uint64_t page = 4096;

uint64_t end_of(const BootMemoryRange& range) {
  return range.base + range.size;
}

}  // namespace

bool MemoryMap::insert(size_t at, uint64_t base, uint64_t end, BootMemoryKind kind) {
  if (count_ == capacity_) return false;
  for (size_t i = count_; i > at; --i) ranges_[i] = ranges_[i - 1];
  ranges_[at] = BootMemoryRange{base, end - base, kind, 0};
  ++count_;
  return true;
}

void MemoryMap::erase(size_t at) {
  --count_;
  for (size_t i = at; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

bool MemoryMap::set(uint64_t base, uint64_t size, BootMemoryKind kind) {
  uint64_t end = base + size;
  if (kind == BootMemoryKind::usable) {
    base = (base + page - 1) & ~(page - 1);
    end &= ~(page - 1);
  } else {
    base &= ~(page - 1);
    end = (end + page - 1) & ~(page - 1);
  }
  if (end <= base) return true;

  size_t at = 0;
  while (at < count_ && end_of(ranges_[at]) <= base) ++at;
  while (at < count_ && ranges_[at].base < end) {
    const BootMemoryRange old = ranges_[at];
    const uint64_t old_end = end_of(old);
    if (old.base < base) {
      ranges_[at].size = base - old.base;
      ++at;
      if (old_end > end && !insert(at, end, old_end, old.kind)) return false;
      if (old_end > end) break;
    } else if (old_end > end) {
      ranges_[at].base = end;
      ranges_[at].size = old_end - end;
      break;
    } else {
      erase(at);
    }
  }
  return insert(at, base, end, kind);
}

void MemoryMap::merge() {
  size_t last = 0;
  for (size_t i = 1; i < count_; ++i) {
    if (end_of(ranges_[last]) == ranges_[i].base && ranges_[last].kind == ranges_[i].kind) {
      ranges_[last].size += ranges_[i].size;
    } else {
      ranges_[++last] = ranges_[i];
    }
  }
  if (count_ > 0) count_ = last + 1;
}

}  // namespace boot
