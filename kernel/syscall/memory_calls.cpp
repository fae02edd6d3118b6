// memory_calls.cpp: brk, munmap, mprotect, mremap. The order of the checks is Linux's.
#include "kernel/memory/frames.h"
#include "kernel/process/process.h"
#include "kernel/scheme/user_object.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/memory_range.h"

namespace kernel {

bool exceeds_memory(base::PageCount pages) {
  return pages.raw() > usable_frame_count();
}

namespace calls {

CallResult brk(const CallArguments& arguments) {
  return arguments.process.space().move_break(arguments.value[0]);
}

CallResult munmap(const CallArguments& arguments) {
  const uint64_t start = arguments.value[0];
  const uint64_t size = arguments.value[1];
  const uint64_t limit = UserSpace::end();
  if (!is_page_aligned(start) || start > limit || size > limit - start || size == 0) {
    return Errno::invalid;
  }
  const base::Status unmapped =
      arguments.process.space().vm().unmap(pages_of(start, start + page_align(size)));
  UserObject::sweep();
  return unmapped;
}

// ---- mprotect

namespace {

// With PROT_GROWSDOWN the range begins where its mapping does, which must be a stack.
Outcome<uint64_t> start_of_stack(UserSpace& space, uint64_t start, uint64_t end) {
  const auto mapping = space.vm().mapping_at_or_after(base::UserAddr(start).page());
  if (!mapping || base::UserAddr::of(mapping->first()).raw() >= end) {
    return Errno::no_memory;
  }
  if (!mapping->grows_down()) {
    return Errno::invalid;
  }
  return base::UserAddr::of(mapping->first()).raw();
}

// What is in the pages as data is seen by instruction fetch from now on: pages that the kernel
// copied or zeroed may still be in instruction caches as what they were before.
void make_fetchable(UserSpace& space, base::VpnRange piece) {
  auto& machine = space_system().machine();
  (void)space.vm().visit_pages(piece, [&](const vm::PageState& state) {
    if (state.present && machine.counted(state.frame) != nullptr) {
      machine.mmu().sync_instructions(frame_window(state.frame), base::Bytes(base::page_size));
    }
  });
}

Outcome<> protect_piece(UserSpace& space, const vm::Mapping& mapping, base::VpnRange piece,
                        uint64_t bits) {
  const base::Access access = protection::access(bits);
  if (!mapping.max_access().has(access) || protection::is_writable_code(bits)) {
    return Errno::access;
  }
  if (access.can_write() && !mapping.is_shared() && !mapping.charged() &&
      exceeds_memory(piece.count())) {
    return Errno::no_memory;
  }
  if (access.can_execute() && !mapping.access().can_execute()) {
    make_fetchable(space, piece);
  }
  return space.vm().protect(piece, access);
}

}  // namespace

CallResult mprotect(const CallArguments& arguments) {
  UserSpace& space = arguments.process.space();
  uint64_t start = arguments.value[0];
  const uint64_t size = page_align(arguments.value[1]);
  const uint64_t grows = arguments.value[2] & (protection::grows_down | protection::grows_up);
  const uint64_t bits = arguments.value[2] & ~(protection::grows_down | protection::grows_up);
  if (grows == (protection::grows_down | protection::grows_up) || !is_page_aligned(start)) {
    return Errno::invalid;
  }
  if (arguments.value[1] == 0) {
    return uint64_t(0);
  }
  const uint64_t end = start + size;
  if (end <= start) {
    return Errno::no_memory;
  }
  if ((bits & ~protection::known) != 0) {
    return Errno::invalid;
  }
  if (grows == protection::grows_down && start < UserSpace::end()) {
    BASE_TRY_ASSIGN(start, start_of_stack(space, start, end));
  } else if (grows == protection::grows_up) {
    const auto mapping = space.vm().mapping_at_or_after(base::UserAddr(start).page());
    return mapping && base::UserAddr::of(mapping->first()).raw() <= start ? Errno::invalid
                                                                          : Errno::no_memory;
  }
  const Outcome<> changed = for_each_piece(space, pages_of(start, end), Holes::end,
                                           [&](const vm::Mapping& mapping, base::VpnRange piece) {
                                             return protect_piece(space, mapping, piece, bits);
                                           });
  return changed.ok() ? CallResult(uint64_t(0)) : CallResult(changed.error());
}

// ---- mremap

namespace {

enum : uint64_t { remap_may_move = 1, remap_fixed = 2, remap_leave = 4, remap_known = 7 };

struct Remap {
  uint64_t from, old_size, new_size, flags, to;

  [[nodiscard]] bool has_target() const { return flags & (remap_fixed | remap_leave); }
};

Errno errno_of_remap(base::Error error) {
  switch (error) {
    case base::Error::not_mapped: return Errno::bad_address;
    case base::Error::limit_exceeded: return Errno::again;
    case base::Error::access_denied:
    case base::Error::busy: return Errno::not_permitted;
    default: return errno_of(error);
  }
}

Outcome<> check(const Remap& remap) {
  const uint64_t limit = UserSpace::end();
  if ((remap.flags & ~remap_known) != 0 || !is_page_aligned(remap.from) || remap.new_size == 0 ||
      remap.new_size > limit) {
    return Errno::invalid;
  }
  if (!remap.has_target()) {
    return {};
  }
  const bool overlaps =
      remap.from + remap.old_size > remap.to && remap.to + remap.new_size > remap.from;
  if (remap.to > limit - remap.new_size || !is_page_aligned(remap.to) ||
      !(remap.flags & remap_may_move) ||
      ((remap.flags & remap_leave) && remap.old_size != remap.new_size) || overlaps) {
    return Errno::invalid;
  }
  return {};
}

// An old size of 0: shared memory is mapped once more, its old place stays.
CallResult map_again(UserSpace& space, const Remap& remap, const vm::Mapping& mapping) {
  if (!mapping.is_shared()) {
    return Errno::invalid;
  }
  if (!(remap.flags & remap_may_move)) {
    return Errno::no_memory;
  }
  vm::ObjectRef object;
  vm::MapRequest request;
  const bool same = space.vm().visit_mapping_at(mapping.first(), [&](const vm::Mapping& now) {
    if (now == mapping) {
      object = vm::ObjectRef::share(*now.object());
    }
  });
  if (!same || !object) {
    return Errno::bad_address;
  }
  request.count = base::PageCount(remap.new_size >> base::page_shift);
  request.access = mapping.access();
  request.max_access = mapping.max_access();
  request.sharing = vm::Sharing::shared;
  request.object = object.get();
  request.object_page = mapping.object_page_of(base::UserAddr(remap.from).page());
  request.tag = mapping.tag();
  if (remap.flags & remap_fixed) {
    request.placement = vm::Placement::fixed_at(base::UserAddr(remap.to).page());
  }
  const auto mapped = space.vm().map(request);
  return mapped ? CallResult(base::UserAddr::of(mapped.value().first()).raw())
                : CallResult(errno_of_remap(mapped.error()));
}

// To grow or to move, what is kept must be one mapping.
Outcome<> check_mapping(const Remap& remap, const vm::Mapping& mapping) {
  const uint64_t kept = base::min(remap.old_size, remap.new_size);
  const uint64_t room = base::UserAddr::of(mapping.end()).raw() - remap.from;
  if ((remap.has_target() ? kept : remap.old_size) > room) {
    return Errno::bad_address;
  }
  const base::PageCount more((remap.new_size - kept) >> base::page_shift);
  if (mapping.charged() && exceeds_memory(more)) {
    return Errno::no_memory;
  }
  if (remap.has_target() && remap.to < UserSpace::minimum && (remap.flags & remap_fixed)) {
    return Errno::not_permitted;
  }
  return {};
}

vm::RemapRequest request_of(const Remap& remap) {
  using Request = vm::RemapRequest;
  Request request;
  request.source = pages_of(remap.from, remap.from + remap.old_size);
  request.new_count = base::PageCount(remap.new_size >> base::page_shift);
  request.target = base::UserAddr(remap.to).page();
  request.move = remap.flags & remap_fixed      ? Request::Move::fixed
                 : remap.flags & remap_may_move ? Request::Move::may
                                                : Request::Move::never;
  if (remap.flags & remap_leave) {
    request.source_becomes = Request::Source::leave;
  }
  return request;
}

}  // namespace

CallResult mremap(const CallArguments& arguments) {
  UserSpace& space = arguments.process.space();
  const Remap remap{arguments.value[0], page_align(arguments.value[1]),
                    page_align(arguments.value[2]), arguments.value[3], arguments.value[4]};
  BASE_TRY(check(remap));
  if (remap.from >= UserSpace::end()) {
    return Errno::bad_address;
  }
  const auto mapping = space.vm().mapping_at_or_after(base::UserAddr(remap.from).page());
  if (!mapping || base::UserAddr::of(mapping->first()).raw() > remap.from) {
    return Errno::bad_address;
  }
  if (remap.old_size == 0) {
    return map_again(space, remap, *mapping);
  }
  const bool shrinks = !remap.has_target() && remap.old_size >= remap.new_size;
  if (remap.old_size > UserSpace::end() - remap.from) {
    return shrinks ? Errno::invalid : Errno::bad_address;
  }
  if (!shrinks) {
    BASE_TRY(check_mapping(remap, *mapping));
  }
  const auto moved = space.vm().remap(request_of(remap));
  return moved ? CallResult(base::UserAddr::of(moved.value().first()).raw())
               : CallResult(errno_of_remap(moved.error()));
}

}  // namespace calls

}  // namespace kernel
