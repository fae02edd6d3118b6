#include "kernel/memory/user_space.h"

#include <cstring>

#include "cpu/page_format.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/options.h"
#include "kernel/host/random.h"
#include "kernel/log/format.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/page_wait.h"

namespace kernel {

using base::PageCount;
using base::UserAddr;
using base::Vpn;
using base::VpnRange;

namespace {

// Between the highest stack and the mappings below it: a stack limit that is raised later still
// finds room.
constexpr uint64_t stack_room = 128u << 20;
// What a table of tables spans. The stack, written first after each fork, shares none with the
// mappings: that would be copied then, with a reference for each 2 MiB of them.
constexpr uint64_t mapping_alignment = 1u << 30;
constexpr uint64_t stack_random_pages = 1u << 22;
constexpr uint64_t mapping_random_pages = 1u << 28;

Vpn page_of(uint64_t address) {
  return UserAddr(address).page();
}

uint64_t random_pages(uint64_t limit) {
  return options().randomise ? (random_number() % limit) * base::page_size : 0;
}

UserSpace::Layout new_layout() {
  UserSpace::Layout layout;
  layout.stack_top = UserSpace::end() - random_pages(stack_random_pages);
  vm::SpaceOptions& to = layout.options;
  to.usable = VpnRange(page_of(UserSpace::minimum), page_of(UserSpace::end()));
  to.mapping_top = page_of(base::align_down(layout.stack_top - stack_room, mapping_alignment) -
                           random_pages(mapping_random_pages));
  to.limits.stack = PageCount(UserSpace::stack_size >> base::page_shift);
  to.limits.locked = PageCount(UserSpace::lockable_size >> base::page_shift);
  if (options().paging == PagingMode::eager) {
    to.population = vm::Population::now;
  }
  return layout;
}

}  // namespace

// Programs see 47 or 48 bits whatever the hardware walks: pointers with more would surprise them.
uint64_t UserSpace::end() {
  return cpu::user_end(4);
}

// ---- Life

UserSpace::UserSpace(const Layout& layout)
    : vm_(space_system()), stack_top_(layout.stack_top), options_(layout.options) {}

// Larger alignment than the heap's: a space has frames of its own.
constexpr unsigned space_order = 0;
static_assert(sizeof(UserSpace) <= base::page_size << space_order);

base::Result<Ref<UserSpace>> UserSpace::make(const Layout& layout) {
  BASE_TRY_ASSIGN(const base::Pfn home, allocate_frames(space_order));
  auto space = Ref<UserSpace>::adopt(*base::construct_at<UserSpace>(frame_window(home), layout));
  BASE_TRY(space->vm_.create(layout.options));
  space->created_ = true;
  return space;
}

void UserSpace::dispose() {
  const uint64_t home =
      reinterpret_cast<uint64_t>(this) - reinterpret_cast<uint64_t>(frame_window(base::Pfn(0)));
  this->~UserSpace();
  free_frames(base::PhysAddr(home).frame(), space_order);
}

UserSpace::~UserSpace() {
  if (created_) {
    vm_.destroy();
  }
}

base::Result<Ref<UserSpace>> UserSpace::create() {
  return make(new_layout());
}

base::Result<Ref<UserSpace>> UserSpace::clone() {
  Layout layout{stack_top_, options_};
  layout.options.limits = vm_.limits();
  BASE_TRY_ASSIGN(Ref<UserSpace> child, make(layout));
  uint64_t start = 0;
  uint64_t end = 0;
  {
    base::Guard guard(break_lock_);
    BASE_TRY(vm_.clone_into(child->vm_));
    start = break_start_;
    end = break_end_;
  }
  base::Guard guard(child->break_lock_);
  child->break_start_ = start;
  child->break_end_ = end;
  return child;
}

// ---- brk

void UserSpace::start_break(uint64_t address) {
  base::Guard guard(break_lock_);
  break_start_ = break_end_ = address;
}

uint64_t UserSpace::break_start() const {
  base::Guard guard(break_lock_);
  return break_start_;
}

uint64_t UserSpace::break_end() const {
  base::Guard guard(break_lock_);
  return break_end_;
}

// One page stays free before what comes next, or a stack's whole guard.
bool UserSpace::extend_heap(uint64_t from, uint64_t to) {
  if (const auto next = vm_.mapping_at_or_after(page_of(from))) {
    const PageCount gap = next->grows_down() ? options_.stack_guard : PageCount(1);
    if (page_of(to) + gap > next->first()) {
      return false;
    }
  }
  vm::MapRequest request;
  request.count = PageCount((to - from) >> base::page_shift);
  request.access = base::Right::read | base::Right::write;
  request.placement = vm::Placement::fixed_no_replace_at(page_of(from));
  request.tag = uint32_t(MemoryTag::heap);
  return vm_.map(request).ok();
}

uint64_t UserSpace::move_break(uint64_t wanted) {
  base::Guard guard(break_lock_);
  if (wanted < break_start_ || wanted >= end()) {
    return break_end_;
  }
  const uint64_t from = base::align_up(break_end_, base::page_size);
  const uint64_t to = base::align_up(wanted, base::page_size);
  if (to > from) {
    if (!extend_heap(from, to)) {
      return break_end_;
    }
  } else if (to < from && !vm_.unmap(VpnRange(page_of(to), page_of(from)))) {
    return break_end_;
  }
  break_end_ = wanted;
  return wanted;
}

// ---- Filling

// Waits for pages that pagers owe; must_wait: it was told not to.
vm::FaultOutcome UserSpace::fault_and_wait(const vm::FaultRequest& request) {
  for (;;) {
    vm::FaultOutcome outcome = vm_.fault(request);
    if (!outcome.must_wait() || wait_for_page(outcome.token()) != PageWaitResult::over) {
      return outcome;
    }
  }
}

// The frame of `page`, which is the space's own from now on.
base::Result<base::Pfn> UserSpace::own_page(Vpn page) {
  const vm::FaultRequest write{UserAddr::of(page), base::Right::write | base::Right::user};
  vm::FaultOutcome outcome = fault_and_wait(write);
  if (!outcome.is_resolved() && !outcome.must_wait() && outcome.refusal() == vm::Refusal::access) {
    const auto mapping = vm_.mapping_at_or_after(page);
    const base::Access access = mapping->access();
    const auto pages = VpnRange::single(page);
    BASE_TRY(vm_.protect(pages, access | (base::Right::read | base::Right::write)));
    outcome = fault_and_wait(write);
    BASE_TRY(vm_.protect(pages, access));
  }
  const vm::PageState state = vm_.page_state(page);
  return outcome.is_resolved() && state.present ? base::Result<base::Pfn>(state.frame)
                                                : base::Error::fault;
}

base::Status UserSpace::write_initial(UserAddr address, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto frame = address.raw() < end() ? own_page(address.page()) : base::Error::fault;
    if (!frame.ok()) {
      return base::Error::fault;
    }
    const uint64_t offset = address.raw() % base::page_size;
    const size_t count = base::min<size_t>(bytes.size(), base::page_size - offset);
    auto* window = static_cast<uint8_t*>(frame_window(frame.value())) + offset;
    memcpy(window, bytes.data(), count);
    space_system().machine().mmu().sync_instructions(window, base::Bytes(count));
    bytes = bytes.subspan(count);
    address = address + base::Bytes(count);
  }
  return {};
}

base::Status UserSpace::populate() {
  for (Vpn at(0);;) {
    const auto mapping = vm_.mapping_at_or_after(at);
    if (!mapping) {
      return {};
    }
    at = mapping->end();
    const base::Access access = mapping->access();
    if (!access.can_read()) {
      continue;
    }
    const bool write = access.can_write() && !mapping->is_shared();
    const vm::FaultOutcome outcome =
        vm_.populate(mapping->range(), write ? base::Right::write : base::Right::read);
    if (!outcome.is_resolved() && !outcome.must_wait() &&
        outcome.refusal() == vm::Refusal::out_of_memory) {
      return base::Error::out_of_memory;
    }
  }
}

// ---- Running

void UserSpace::activate() {
  cpu_local().space = this;
  vm_.activate();
}

void UserSpace::deactivate() {
  if (UserSpace* space = base::exchange(cpu_local().space, nullptr)) {
    space->vm_.deactivate();
  }
}

// ---- Looking

void UserSpace::describe(UserAddr address, char* text, size_t capacity) {
  const auto mapping = vm_.mapping_at_or_after(address.page());
  if (!mapping) {
    format_into(text, capacity, "nothing above");
    return;
  }
  const char* name = memory_tag_name(mapping->tag());
  const uint64_t first = UserAddr::of(mapping->first()).raw();
  if (mapping->first() > address.page()) {
    format_into(text, capacity, "next above: %s at %lx", name, first);
    return;
  }
  const base::Access access = mapping->access();
  format_into(text, capacity, "%s %lx-%lx %c%c%c", name, first, UserAddr::of(mapping->end()).raw(),
              access.can_read() ? 'r' : '-', access.can_write() ? 'w' : '-',
              access.can_execute() ? 'x' : '-');
}

void UserSpace::describe_walk(UserAddr address, char* text, size_t capacity) {
  const vm::PageState state = vm_.page_state(address.page());
  vm::Epochs<Host>::Section section(space_system().epochs());
  const vm::Found found = vm_.table().lookup(address.page());
  if (found.entry.kind != vm::EntryKind::leaf) {
    format_into(text, capacity, "absent at level %u", found.level);
    return;
  }
  const base::Access access = found.entry.access.intersect(found.limit);
  format_into(text, capacity, "leaf %c%c%c at level %u, frame %lx%s%s",
              access.can_read() ? 'r' : '-', access.can_write() ? 'w' : '-',
              access.can_execute() ? 'x' : '-', found.level, found.frame_of(address.page()).raw(),
              state.zero ? " (zero)" : "", state.shared ? " (shared)" : "");
}

}  // namespace kernel
