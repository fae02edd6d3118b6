// MemoryMap: builds the sorted, disjoint, merged BootMemoryRange list in a buffer it is given.
//
// `set` overrides what was there, so a caller sets the least restrictive kinds first and the last
// word is the most careful one: a firmware map that contradicts itself never yields usable memory
// that something else also claims. Addresses are rounded so that a page partly covered by a usable
// range is not usable.
#pragma once

#include "boot/boot_info.h"

namespace boot {

class MemoryMap {
 public:
  MemoryMap(BootMemoryRange* ranges, size_t capacity) : ranges_(ranges), capacity_(capacity) {}

  // [base, base + size) is of `kind`. Answers false when the buffer is full (the map is then
  // incomplete and must not be used).
  [[nodiscard]] bool set(uint64_t base, uint64_t size, BootMemoryKind kind);

  // Joins neighbours of equal kind. Call once, last.
  void merge();

  const BootMemoryRange* begin() const { return ranges_; }
  const BootMemoryRange* end() const { return ranges_ + count_; }
  size_t count() const { return count_; }

 private:
  bool insert(size_t at, uint64_t base, uint64_t end, BootMemoryKind kind);
  void erase(size_t at);

  BootMemoryRange* ranges_;
  size_t capacity_;
  size_t count_ = 0;
};

// Whether the direct map covers memory of this kind: everything that is RAM.
constexpr bool is_ram(BootMemoryKind kind) {
  switch (kind) {
    case BootMemoryKind::usable:
    case BootMemoryKind::boot_data:
    case BootMemoryKind::kernel_image:
    case BootMemoryKind::acpi_tables:
    case BootMemoryKind::acpi_nvs:
    case BootMemoryKind::runtime: return true;
    case BootMemoryKind::device:
    case BootMemoryKind::reserved: return false;
  }
  return false;
}

}  // namespace boot
