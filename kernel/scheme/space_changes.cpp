#include "kernel/scheme/space_changes.h"

#include "kernel/memory/shared_memory.h"
#include "kernel/syscall/memory_range.h"

namespace kernel {

namespace {

constexpr uint32_t map_flags =
    SPACE_SHARED | SPACE_GROWS_DOWN | SPACE_UNCHARGED | SPACE_REPLACE | SPACE_POPULATE;

// The pages of a change. EINVAL: misaligned, empty, or past 2^64.
Outcome<base::VpnRange> pages_of_change(uint64_t base, uint64_t length) {
  const auto end = base::checked_add(base, length);
  if (!is_page_aligned(base) || length == 0 || !end.ok ||
      end.value > ~uint64_t(0) - base::page_size) {
    return Errno::invalid;
  }
  return pages_of(base, page_align(end.value));
}

vm::Placement placement_of(const space_change& change, base::Vpn at) {
  return change.flags & SPACE_REPLACE ? vm::Placement::fixed_at(at)
                                      : vm::Placement::fixed_no_replace_at(at);
}

Errno errno_of_change(base::Error error) {
  switch (error) {
    case base::Error::limit_exceeded: return Errno::again;
    default: return errno_of(error);
  }
}

}  // namespace

SpaceChanges::~SpaceChanges() {
  for (size_t i = 0; i < count_; ++i) {
    changes_[i].~SpaceChange();
    objects_[i].~ObjectRef();
  }
  heap_free(changes_);
  heap_free(objects_);
}

Outcome<> SpaceChanges::fetch(Source& source) {
  const uint64_t count = source.remaining() / sizeof(space_change);
  if (count == 0 || count > SPACE_CHANGES_MAX || source.remaining() % sizeof(space_change) != 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(void* changes, heap_allocate(count * sizeof(vm::SpaceChange)));
  changes_ = static_cast<vm::SpaceChange*>(changes);
  BASE_TRY_ASSIGN(void* objects, heap_allocate(count * sizeof(vm::ObjectRef)));
  objects_ = static_cast<vm::ObjectRef*>(objects);
  for (uint64_t i = 0; i < count; ++i) {
    BASE_TRY_ASSIGN(const space_change change, fetch_record<space_change>(source));
    BASE_TRY(add(change));
  }
  return {};
}

Outcome<> SpaceChanges::add(const space_change& from) {
  if (from.reserved != 0) {
    return Errno::invalid;
  }
  if (from.operation == SPACE_SET_BREAK) {
    return prepare_break(from);
  }
  BASE_TRY_ASSIGN(const base::VpnRange range, pages_of_change(from.base, from.length));
  vm::SpaceChange& to = *base::construct_at<vm::SpaceChange>(changes_ + count_);
  base::construct_at<vm::ObjectRef>(objects_ + count_);
  ++count_;
  to.range = range;
  switch (from.operation) {
    case SPACE_MAP: return prepare_map(from, to);
    case SPACE_UNMAP: to.kind = vm::SpaceChange::Kind::unmap; return {};
    case SPACE_PROTECT:
      to.kind = vm::SpaceChange::Kind::protect;
      to.access = protection::access(from.access);
      return from.access & ~(protection::read | protection::write | protection::execute)
                 ? Outcome<>(Errno::invalid)
             : protection::is_writable_code(from.access) ? Outcome<>(Errno::access)
                                                         : Outcome<>();
    case SPACE_ADVISE: {
      const KnownAdvice* known = find_advice(int32_t(from.advice));
      if (known == nullptr || known->effect == KnownAdvice::Effect::none ||
          known->value == KnownAdvice::drop_locked) {
        return Errno::invalid;
      }
      to.kind = vm::SpaceChange::Kind::advise;
      to.advice = known->advice;
      return {};
    }
    case SPACE_TRANSFER: return prepare_transfer(from, to);
    default: return Errno::invalid;
  }
}

Outcome<> SpaceChanges::prepare_map(const space_change& from, vm::SpaceChange& to) {
  if ((from.flags & ~map_flags) != 0 || !is_page_aligned(from.offset) ||
      (from.access & ~(protection::read | protection::write | protection::execute)) != 0 ||
      from.use > SPACE_USE_SIGNALS) {
    return Errno::invalid;
  }
  if (protection::is_writable_code(from.access)) {
    return Errno::access;
  }
  const bool shared = (from.flags & SPACE_SHARED) != 0;
  const bool down = (from.flags & SPACE_GROWS_DOWN) != 0;
  vm::ObjectRef& object = objects_[count_ - 1];
  vm::MapRequest& request = to.map;
  to.kind = vm::SpaceChange::Kind::map;
  request.count = to.range.count();
  request.access = protection::access(from.access);
  request.placement = placement_of(from, to.range.first());
  if (from.file >= 0) {
    const Ref<File> file = files_.find(uint32_t(from.file));
    if (!file || (file->flags() & open_flag::path_only)) {
      return Errno::bad_descriptor;
    }
    if (down) {
      return Errno::invalid;
    }
    if (!file->is_readable() || (shared && request.access.can_write() && !file->is_writable())) {
      return Errno::access;
    }
    BASE_TRY(map_pages_of(*file, from.offset,
                          shared ? vm::Sharing::shared : vm::Sharing::private_copy, request,
                          object));
  } else if (shared) {
    if (down) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(object, make_shared_memory(request.count));
    request.sharing = vm::Sharing::shared;
    request.object = object.get();
    request.tag = uint32_t(MemoryTag::shared);
  } else if (down) {
    request.growth = vm::MapRequest::Growth::down;
  }
  if (from.use != SPACE_USE_NONE) {
    request.tag = from.use;
  }
  if (from.flags & SPACE_UNCHARGED) {
    request.commit = vm::Commit::free;
  } else if (request.sharing == vm::Sharing::private_copy && request.access.can_write() &&
             exceeds_memory(request.count)) {
    return Errno::no_memory;
  }
  if (from.flags & SPACE_POPULATE) {
    request.population = vm::Population::now;
  }
  return {};
}

Outcome<> SpaceChanges::prepare_transfer(const space_change& from, vm::SpaceChange& to) {
  const Ref<File> file = from.file < 0 ? Ref<File>() : files_.find(uint32_t(from.file));
  if (!file || (file->flags() & open_flag::path_only)) {
    return Errno::bad_descriptor;
  }
  Ref<UserSpace> giver = file->address_space();
  if (!giver || giver.get() == &space_ || (giver_ && giver_.get() != giver.get()) ||
      (from.flags & ~uint32_t{SPACE_REPLACE}) != 0) {
    return Errno::invalid;
  }
  if (!file->is_writable()) {
    return Errno::access;
  }
  BASE_TRY_ASSIGN(const base::VpnRange source, pages_of_change(from.offset, from.length));
  giver_ = base::move(giver);
  to.kind = vm::SpaceChange::Kind::transfer;
  to.transfer.source = source;
  to.transfer.placement = placement_of(from, to.range.first());
  return {};
}

Outcome<> SpaceChanges::prepare_break(const space_change& from) {
  if (!is_page_aligned(from.base) || from.length != 0 || from.base < UserSpace::minimum ||
      from.base >= UserSpace::end()) {
    return Errno::invalid;
  }
  break_ = from.base;
  return {};
}

Outcome<> SpaceChanges::apply() {
  if (count_ != 0) {
    const vm::BatchOutcome outcome =
        space_.vm().apply({changes_, count_}, giver_ ? &giver_->vm() : nullptr);
    if (!outcome.status.ok()) {
      return errno_of_change(outcome.status.error());
    }
  }
  if (break_) {
    space_.start_break(*break_);
  }
  return {};
}

}  // namespace kernel
