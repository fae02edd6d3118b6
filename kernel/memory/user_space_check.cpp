// user_space_check.cpp: what UserSpace says about itself: messages and invariants.
#include "kernel/host/boot_info.h"
#include "kernel/log/format.h"
#include "kernel/memory/leaf.h"
#include "kernel/memory/user_space.h"

namespace kernel {

using base::UserAddr;
using base::Vpn;

void UserSpace::describe(UserAddr address, char* text, size_t capacity) const {
  const Region* region = find(address.page());
  if (region != nullptr) {
    const base::Access access = region->access;
    format_into(text, capacity, "%s %lx-%lx %c%c%c", region->name,
                UserAddr::of(region->pages.first()).raw(), UserAddr::of(region->pages.end()).raw(),
                access.can_read() ? 'r' : '-', access.can_write() ? 'w' : '-',
                access.can_execute() ? 'x' : '-');
    return;
  }
  const Region* above = first_after(address.page());
  if (above != nullptr) {
    format_into(text, capacity, "next above: %s at %lx", above->name,
                UserAddr::of(above->pages.first()).raw());
  } else {
    format_into(text, capacity, "nothing above");
  }
}

void UserSpace::describe_walk(UserAddr address, char* text, size_t capacity) const {
  const PageTree::WalkEnd end = tree_.walk(address.raw());
  if (end.entry != 0) {
    format_into(text, capacity, "leaf %lx at level %u", end.entry, end.level);
  } else {
    const uint64_t* leaf = tree_.find_leaf(address.raw());
    format_into(text, capacity, "%s at level %u",
                leaf != nullptr && *leaf != 0 ? "parked" : "absent", end.level);
  }
}

void UserSpace::check() const {
  uint64_t pages = 0;
  Vpn previous(minimum >> base::page_shift);
  for (const Region* region = regions_.front(); region != nullptr;
       region = regions_.next(*region)) {
    BASE_CHECK(!region->pages.empty() && region->pages.first() >= previous,
               "regions overlap or are out of order");
    previous = region->pages.end();
    for_each_leaf(tree_, region->pages, [&](uint64_t, const uint64_t&) { ++pages; });
  }
  BASE_CHECK(previous <= Vpn(end() >> base::page_shift), "a region outside the user half");
  BASE_CHECK(pages == resident_, "a page outside every region");
}

}  // namespace kernel
