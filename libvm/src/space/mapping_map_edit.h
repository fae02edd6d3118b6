// StructureEdit: brackets a change of the tree's shape; readers begin again. Nests.
#pragma once

#include "vm/space/mapping_map.h"

namespace vm {

class MappingMap::StructureEdit {
 public:
  explicit StructureEdit(MappingMap& map) : map_(map) {
    const uint64_t sequence = map.sequence_.load<base::Order::relaxed>();
    outermost_ = (sequence & 1) == 0;
    map.recent_.low = map.recent_.high = 0;
    if (outermost_) {
      map.sequence_.store<base::Order::relaxed>(sequence + 1);
      base::fence<base::Order::release>();
    }
  }
  ~StructureEdit() {
    map_.recent_.low = map_.recent_.high = 0;
    if (outermost_) {
      const uint64_t sequence = map_.sequence_.load<base::Order::relaxed>();
      map_.sequence_.store<base::Order::release>(sequence + 1);
    }
  }
  StructureEdit(const StructureEdit&) = delete;
  StructureEdit& operator=(const StructureEdit&) = delete;

 private:
  MappingMap& map_;
  bool outermost_;
};

}  // namespace vm
