#include "kernel/memory/user_space.h"

#include <cstring>

#include "cpu/page_format.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/cpu_local.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/leaf.h"
#include "kernel/seam/memory.h"

namespace kernel {

using base::PageCount;
using base::UserAddr;
using base::Vpn;
using base::VpnRange;

const char* fault_outcome_name(FaultOutcome outcome) {
  switch (outcome) {
    case FaultOutcome::resolved: return "resolved";
    case FaultOutcome::unmapped: return "nothing is mapped there";
    case FaultOutcome::access: return "the mapping does not allow it";
    case FaultOutcome::out_of_memory: break;
  }
  return "out of memory";
}

// Programs see 47 or 48 bits whatever the hardware walks: pointers with more would surprise them.
uint64_t UserSpace::end() {
  return cpu::user_end(4);
}

base::Result<Ref<UserSpace>> UserSpace::create() {
  BASE_TRY_ASSIGN(const base::Pfn root, allocate_zeroed_frame());
  const PageTree kernel = kernel_tree();
  cpu::prepare_user_root(static_cast<uint64_t*>(frame_window(root)),
                         static_cast<const uint64_t*>(frame_window(kernel.root())));
  auto space = make_ref<UserSpace>(root, kernel.levels());
  if (!space) {
    free_frames(root, 0);
  }
  return space;
}

base::Result<Ref<UserSpace>> UserSpace::clone() const {
  BASE_TRY_ASSIGN(Ref<UserSpace> copy, create());
  for (const Region* region = regions_.front(); region != nullptr;
       region = regions_.next(*region)) {
    Request request{UserAddr::of(region->pages.first()), base::Bytes(region->pages.count().raw() << base::page_shift), region->access};
    request.placement = Placement::fixed;
    request.contents = region->contents;
    request.name = region->name;
    BASE_TRY(copy->map(request));
    for (Vpn page = region->pages.first(); page < region->pages.end(); page = page + PageCount(1)) {
      const uint64_t address = UserAddr::of(page).raw();
      if (tree_.find_leaf(address) == nullptr || !cpu::is_present(*tree_.find_leaf(address))) {
        continue;
      }
      const auto* bytes = static_cast<const uint8_t*>(
          direct_map(cpu::entry_address(*tree_.find_leaf(address), 1)));
      BASE_TRY(copy->write_initial(UserAddr(address), {bytes, base::page_size}));
    }
  }
  return copy;
}

UserSpace::~UserSpace() {
  while (Region* region = regions_.pop_front()) {
    drop_pages(region->pages);
    Owned<Region>(region).reset();
  }
  BASE_CHECK(resident_ == 0, "a page without a region");
  tree_.dismantle(cpu::user_root_entries,
                  [](base::Pfn) { BASE_CHECK(false, "a page left in a space that is destroyed"); });
  free_frames(tree_.root(), 0);
}

Region* UserSpace::first_after(Vpn page) const {
  Region* region = regions_.front();
  while (region != nullptr && region->pages.end() <= page) {
    region = regions_.next(*region);
  }
  return region;
}

Region* UserSpace::find(Vpn page) const {
  Region* region = first_after(page);
  return region != nullptr && region->pages.contains(page) ? region : nullptr;
}

bool UserSpace::is_free(VpnRange pages) const {
  const Region* region = first_after(pages.first());
  return region == nullptr || !region->pages.overlaps(pages);
}

// The hint if it is free, else the highest hole below the stack.
base::Result<Vpn> UserSpace::find_hole(PageCount count, Vpn hint) const {
  const Vpn low(minimum >> base::page_shift);
  const Vpn high(end() >> base::page_shift);
  if (count > high - low) {
    return base::Error::no_address_range;
  }
  if (hint >= low && hint <= high - count && is_free(VpnRange::of(hint, count))) {
    return hint;
  }
  Vpn top = high - PageCount(stack_size >> base::page_shift) - PageCount(256);
  for (const Region* region = regions_.back(); region != nullptr;
       region = regions_.previous(*region)) {
    if (top >= region->pages.end() && top - region->pages.end() >= count) {
      break;
    }
    top = base::min(top, region->pages.first());
  }
  if (top < low || top - low < count) {
    return base::Error::no_address_range;
  }
  return top - count;
}

void UserSpace::insert(Region& region) {
  if (Region* after = first_after(region.pages.first())) {
    regions_.insert_before(*after, region);
  } else {
    regions_.push_back(region);
  }
}

base::Result<UserAddr> UserSpace::map(const Request& request) {
  BASE_TRY_ASSIGN(
      VpnRange pages,
      VpnRange::checked(request.placement == Placement::anywhere ? UserAddr(0) : request.base,
                        request.size));
  if (request.placement == Placement::anywhere) {
    BASE_TRY_ASSIGN(const Vpn first, find_hole(pages.count(), request.base.page()));
    pages = VpnRange::of(first, pages.count());
  }
  if (pages.first() < Vpn(minimum >> base::page_shift) ||
      pages.end() > Vpn(end() >> base::page_shift)) {
    return base::Error::invalid_argument;
  }
  if (request.placement == Placement::fixed_no_replace && !is_free(pages)) {
    return base::Error::already_mapped;
  }
  BASE_TRY_ASSIGN(auto region, make_owned<Region>());
  region->pages = pages;
  region->access = request.access;
  region->contents = request.contents;
  if (request.placement == Placement::anywhere) {
    region->contents.at = UserAddr::of(pages.first()).raw();
  }
  region->name = request.name;
  BASE_TRY(unmap(pages));
  insert(*region.release());
  return UserAddr::of(pages.first());
}

base::Status UserSpace::split_at(Vpn page) {
  Region* region = find(page);
  if (region == nullptr || region->pages.first() == page) {
    return {};
  }
  BASE_TRY_ASSIGN(auto upper, make_owned<Region>());
  upper->pages = VpnRange(page, region->pages.end());
  upper->access = region->access;
  upper->contents = region->contents;
  upper->name = region->name;
  region->pages = VpnRange(region->pages.first(), page);
  insert(*upper.release());
  return {};
}

base::Status UserSpace::unmap(VpnRange pages) {
  BASE_TRY(split_at(pages.first()));
  BASE_TRY(split_at(pages.end()));
  Region* region = first_after(pages.first());
  while (region != nullptr && region->pages.first() < pages.end()) {
    Region* next = regions_.next(*region);
    drop_pages(region->pages);
    regions_.remove(*region);
    Owned<Region>(region).reset();
    region = next;
  }
  return {};
}

base::Status UserSpace::protect(VpnRange pages, base::Access access) {
  Vpn expected = pages.first();
  for (const Region* region = first_after(pages.first());
       region != nullptr && expected < pages.end(); region = regions_.next(*region)) {
    if (region->pages.first() > expected) {
      return base::Error::not_mapped;
    }
    expected = region->pages.end();
  }
  if (expected < pages.end()) {
    return base::Error::not_mapped;
  }
  BASE_TRY(split_at(pages.first()));
  BASE_TRY(split_at(pages.end()));
  for (Region* region = first_after(pages.first());
       region != nullptr && region->pages.first() < pages.end(); region = regions_.next(*region)) {
    region->access = access;
    set_rights(region->pages, access);
  }
  return {};
}

void UserSpace::fill(const Region& region, Vpn page, uint8_t* window) {
  memset(window, 0, base::page_size);
  const Contents& contents = region.contents;
  const uint64_t start = UserAddr::of(page).raw();
  const uint64_t from = base::max(start, contents.at);
  const uint64_t to = base::min(start + base::page_size, contents.at + contents.bytes.size());
  if (from < to) {
    memcpy(window + (from - start), contents.bytes.data() + (from - contents.at), to - from);
  }
}

FaultOutcome UserSpace::fault(UserAddr address, base::Access wanted) {
  const Vpn page = address.page();
  const Region* region = find(page);
  if (region == nullptr) {
    return FaultOutcome::unmapped;
  }
  if (!region->access.has(wanted)) {
    return FaultOutcome::access;
  }
  const uint64_t at = UserAddr::of(page).raw();
  if (const uint64_t* leaf = tree_.find_leaf(at); leaf != nullptr && *leaf != 0) {
    cpu::invalidate_page(at);  // already there: a stale translation
    return FaultOutcome::resolved;
  }
  auto frame = allocate_frames(0);
  if (!frame) {
    return FaultOutcome::out_of_memory;
  }
  auto* window = static_cast<uint8_t*>(frame_window(frame.value()));
  fill(*region, page, window);
  if (region->access.can_execute()) {
    cpu::sync_instructions(window, base::page_size);
  }
  if (!tree_.map(at, frame.value(), user_rights(region->access))) {
    free_frames(frame.value(), 0);
    return FaultOutcome::out_of_memory;
  }
  ++resident_;
  return FaultOutcome::resolved;
}

base::Status UserSpace::write_initial(UserAddr address, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    if (address.raw() >= end() || fault(address, base::Access::none()) != FaultOutcome::resolved) {
      return base::Error::fault;
    }
    const uint64_t* leaf = tree_.find_leaf(UserAddr::of(address.page()).raw());
    auto* window = static_cast<uint8_t*>(frame_window(leaf_frame(*leaf)));
    const uint64_t offset = address.raw() % base::page_size;
    const size_t count = base::min<size_t>(bytes.size(), base::page_size - offset);
    memcpy(window + offset, bytes.data(), count);
    cpu::sync_instructions(window + offset, count);
    bytes = bytes.subspan(count);
    address = address + base::Bytes(count);
  }
  return {};
}

base::Status UserSpace::populate() {
  for (const Region* region = regions_.front(); region != nullptr;
       region = regions_.next(*region)) {
    if (!region->access.can_read()) {
      continue;
    }
    for (Vpn page = region->pages.first(); page < region->pages.end(); page += PageCount(1)) {
      if (fault(UserAddr::of(page), base::Right::read) != FaultOutcome::resolved) {
        return base::Error::out_of_memory;
      }
    }
  }
  return {};
}

void UserSpace::drop_pages(VpnRange pages) {
  for_each_leaf(tree_, pages, [this](uint64_t at, uint64_t& leaf) {
    const base::Pfn frame = leaf_frame(leaf);
    leaf = 0;
    cpu::publish_entries();
    cpu::invalidate_page(at);
    free_frames(frame, 0);
    --resident_;
  });
}

void UserSpace::set_rights(VpnRange pages, base::Access access) {
  for_each_leaf(tree_, pages, [access](uint64_t at, uint64_t& leaf) {
    const base::Pfn frame = leaf_frame(leaf);
    if (access.can_execute()) {
      cpu::sync_instructions(frame_window(frame), base::page_size);
    }
    leaf = make_user_leaf(frame, access);
    cpu::publish_entries();
    cpu::invalidate_page(at);
  });
}

void UserSpace::activate() {
  cpu_local().space = this;
  cpu::activate_user(base::PhysAddr::of(tree_.root()).raw());
}

void UserSpace::deactivate() {
  cpu_local().space = nullptr;
  cpu::deactivate_user();
}

}  // namespace kernel
