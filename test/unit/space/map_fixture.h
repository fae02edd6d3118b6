// A mapping map with its memory, references counted, and a flat model to compare it with.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

#include "vm/space/mapping_map.h"

namespace space_test {

using base::Access;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

inline constexpr Access read_write = Right::read | Right::write;

inline VpnRange pages(uint64_t first, uint64_t end) {
  return {Vpn(first), Vpn(end)};
}

// Counts references per object; objects are made-up addresses.
class CountingHolder final : public vm::ObjectHolder {
 public:
  void retain(vm::MemoryObject& object) override { ++counts[&object]; }
  void release_not_last(vm::MemoryObject& object) override {
    if (--counts[&object] <= 0) std::abort();
  }
  std::map<vm::MemoryObject*, int64_t> counts;
};

inline vm::MemoryObject* object_number(uint64_t number) {
  return reinterpret_cast<vm::MemoryObject*>(0x1000 * number);
}

// Supplies pages as the space would: before each edit, or not (allocations fail).
class Fixture {
 public:
  explicit Fixture() : map(holder) {
    supply_one();
    map.start();
  }
  ~Fixture() {
    while (base::Optional<vm::Mapping> piece = map.take_first(everything())) release(*piece);
    map.stop();
    map.pool().seal(1);
    map.pool().recycle(1);
    while (base::Optional<vm::MappingNodePool::Page> page = map.pool().take_free_page()) {
      std::free(page->memory);
    }
  }

  static VpnRange everything() { return pages(0, uint64_t(1) << 52); }
  void supply_one() { map.supply({std::aligned_alloc(4096, 4096), 0}); }
  void prepare(unsigned insertions) {
    for (unsigned left = map.pages_short({insertions}); left > 0; --left) supply_one();
  }
  void settle() {
    map.pool().seal(1);
    map.pool().recycle(1);
  }
  void release(const vm::Mapping& piece) {
    if (piece.object() != nullptr) --holder.counts[piece.object()];
  }
  vm::Mapping make(uint64_t first, uint64_t end, uint32_t tag = 0, uint64_t object = 0) {
    vm::Mapping mapping(pages(first, end), read_write, read_write);
    mapping.set_tag(tag);
    if (object != 0) mapping.set_object(object_number(object), vm::ObjectPage(first + 1000));
    return mapping;
  }
  void insert(const vm::Mapping& mapping) {
    prepare(1);
    if (mapping.object() != nullptr) ++holder.counts[mapping.object()];
    map.insert(mapping);
    settle();
  }
  void remove(VpnRange range) {
    prepare(1);
    while (base::Optional<vm::Mapping> piece = map.take_first(range)) release(*piece);
    settle();
  }

  CountingHolder holder;
  vm::MappingMap map;
};

// One word per page: what a trivially right map would say.
class FlatModel {
 public:
  explicit FlatModel(uint64_t universe) : tag_(universe, 0), object_(universe, 0) {}
  void set(VpnRange range, uint32_t tag, uint64_t object) {
    for (uint64_t at = range.first().raw(); at < range.end().raw(); ++at) {
      tag_[at] = tag + 1;
      object_[at] = object;
    }
  }
  void clear(VpnRange range) {
    for (uint64_t at = range.first().raw(); at < range.end().raw(); ++at) tag_[at] = 0;
  }
  [[nodiscard]] bool used(uint64_t at) const { return tag_[at] != 0; }
  [[nodiscard]] uint32_t tag(uint64_t at) const { return tag_[at] - 1; }
  [[nodiscard]] uint64_t object(uint64_t at) const { return object_[at]; }
  [[nodiscard]] bool free(VpnRange range) const {
    for (uint64_t at = range.first().raw(); at < range.end().raw(); ++at) {
      if (used(at)) return false;
    }
    return true;
  }
  [[nodiscard]] uint64_t size() const { return tag_.size(); }
  // The number of mappings when every pair of like neighbours is joined.
  [[nodiscard]] size_t runs() const {
    size_t count = 0;
    for (uint64_t at = 0; at < size(); ++at) {
      if (used(at) && (at == 0 || !used(at - 1) || tag_[at] != tag_[at - 1] ||
                       object_[at] != object_[at - 1])) {
        ++count;
      }
    }
    return count;
  }

 private:
  std::vector<uint32_t> tag_;
  std::vector<uint64_t> object_;
};

}  // namespace space_test
