#include "kernel/memory/page_table.h"

#include "kernel/memory/frames.h"

namespace kernel {

uint64_t* PageTree::table(base::Pfn frame) {
  return static_cast<uint64_t*>(frame_window(frame));
}

base::Status PageTree::map(uint64_t address, base::Pfn frame, cpu::PageRights rights) {
  uint64_t* entries = table(root_);
  for (unsigned level = levels_; level > 1; --level) {
    uint64_t& entry = entries[cpu::entry_index(address, level)];
    if (!cpu::is_present(entry)) {
      BASE_TRY_ASSIGN(const base::Pfn next, allocate_zeroed_frame());
      cpu::publish_entries();
      entry = cpu::make_table(base::PhysAddr::of(next).raw(), rights.user);
    }
    BASE_CHECK(!cpu::is_leaf(entry, level), "mapping a page inside a large one");
    entries = table(base::PhysAddr(cpu::entry_address(entry, level)).frame());
  }
  uint64_t& leaf = entries[cpu::entry_index(address, 1)];
  BASE_CHECK(!cpu::is_present(leaf), "mapping a page where one is");
  leaf = cpu::make_leaf(base::PhysAddr::of(frame).raw(), 1, rights);
  cpu::publish_entries();
  return {};
}

uint64_t* PageTree::find_leaf(uint64_t address) const {
  uint64_t* entries = table(root_);
  for (unsigned level = levels_; level > 1; --level) {
    const uint64_t entry = entries[cpu::entry_index(address, level)];
    if (!cpu::is_present(entry) || cpu::is_leaf(entry, level)) {
      return nullptr;
    }
    entries = table(base::PhysAddr(cpu::entry_address(entry, level)).frame());
  }
  return &entries[cpu::entry_index(address, 1)];
}

PageTree::WalkEnd PageTree::walk(uint64_t address) const {
  const uint64_t* entries = table(root_);
  for (unsigned level = levels_;; --level) {
    const uint64_t entry = entries[cpu::entry_index(address, level)];
    if (!cpu::is_present(entry) || cpu::is_leaf(entry, level)) {
      return {cpu::is_present(entry) ? entry : 0, level};
    }
    entries = table(base::PhysAddr(cpu::entry_address(entry, level)).frame());
  }
}

}  // namespace kernel
