// advice_calls.cpp: madvise, msync, mincore. The order of the checks is Linux's.
#include "kernel/memory/frames.h"
#include "kernel/memory/page_wait.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/memory_range.h"
#include "kernel/syscall/user_copy.h"
#include "usercopy/user_memory.h"

namespace kernel::calls {

namespace {

// Linux's MADV_* in words of libvm.
Errno errno_of_advice(base::Error error, vm::Advice advice) {
  const bool populates =
      advice == vm::Advice::populate_read || advice == vm::Advice::populate_write;
  switch (error) {
    case base::Error::out_of_memory: return populates ? Errno::no_memory : Errno::again;
    case base::Error::bus: return Errno::bad_address;
    case base::Error::busy: return Errno::not_permitted;
    case base::Error::not_supported: return Errno::not_supported;
    default: return errno_of(error);
  }
}

// Brings the pages in, also those that pagers owe.
Outcome<> populate(UserSpace& space, base::VpnRange pages, base::Access access) {
  for (;;) {
    vm::FaultOutcome outcome = space.vm().populate(pages, access);
    if (outcome.must_wait()) {
      if (const auto waited = wait_for_page(outcome.token()); waited != PageWaitResult::over) {
        return waited == PageWaitResult::refused ? Errno::would_deadlock : Errno::interrupted;
      }
      continue;
    }
    if (outcome.is_resolved()) {
      return {};
    }
    switch (outcome.refusal()) {
      case vm::Refusal::unmapped: return Errno::no_memory;
      case vm::Refusal::access: return Errno::invalid;
      case vm::Refusal::bus: return Errno::bad_address;
      case vm::Refusal::out_of_memory: return Errno::no_memory;
    }
  }
}

Outcome<> advise_piece(UserSpace& space, const vm::Mapping& mapping, base::VpnRange piece,
                       const KnownAdvice& known) {
  if (known.effect == KnownAdvice::Effect::none) {
    return {};
  }
  switch (known.advice) {
    case vm::Advice::populate_read: return populate(space, piece, base::Right::read);
    case vm::Advice::populate_write: return populate(space, piece, base::Right::write);
    default: break;
  }
  const bool unlock =
      known.value == KnownAdvice::drop_locked && mapping.locking() != vm::Locking::none;
  if (unlock) {
    BASE_TRY(space.vm().lock(piece, vm::Locking::none));
  }
  const base::Status advised = space.vm().advise(piece, known.advice);
  if (unlock) {
    BASE_TRY(space.vm().lock(piece, vm::Locking::on_fault));
  }
  return advised.ok() ? Outcome<>() : errno_of_advice(advised.error(), known.advice);
}

// The dirty pages of a shared mapping are stored when this returns.
Outcome<> store(UserSpace& space, base::VpnRange piece) {
  vm::SyncProgress progress(piece);
  for (;;) {
    vm::SyncOutcome outcome = space.vm().sync(progress, vm::SyncMode::wait);
    switch (outcome.kind()) {
      case vm::SyncOutcome::Kind::done: return {};
      case vm::SyncOutcome::Kind::failed:
        return outcome.error() == base::Error::not_mapped ? Errno::no_memory : Errno::io;
      case vm::SyncOutcome::Kind::wait: break;
    }
    if (const auto waited = wait_for_page(outcome.token()); waited != PageWaitResult::over) {
      return waited == PageWaitResult::refused ? Errno::would_deadlock : Errno::interrupted;
    }
  }
}

}  // namespace

CallResult madvise(const CallArguments& arguments) {
  UserSpace& space = arguments.process.space();
  const uint64_t start = arguments.value[0];
  const uint64_t size = page_align(arguments.value[1]);
  const KnownAdvice* known = find_advice(arguments.integer(2));
  if (known == nullptr || !is_page_aligned(start) || (arguments.value[1] != 0 && size == 0) ||
      start + size < start) {
    return Errno::invalid;
  }
  const Outcome<> advised = for_each_piece(space, pages_of(start, start + size), Holes::skip,
                                           [&](const vm::Mapping& mapping, base::VpnRange piece) {
                                             return advise_piece(space, mapping, piece, *known);
                                           });
  return advised.ok() ? CallResult(uint64_t(0)) : CallResult(advised.error());
}

CallResult msync(const CallArguments& arguments) {
  enum : int32_t { sync_async = 1, sync_invalidate = 2, sync_wait = 4, sync_known = 7 };
  UserSpace& space = arguments.process.space();
  const uint64_t start = arguments.value[0];
  const uint64_t size = page_align(arguments.value[1]);
  const int32_t flags = arguments.integer(2);
  if ((flags & ~sync_known) != 0 || !is_page_aligned(start) ||
      (flags & (sync_async | sync_wait)) == (sync_async | sync_wait)) {
    return Errno::invalid;
  }
  if (start + size < start) {
    return Errno::no_memory;
  }
  const Outcome<> synced = for_each_piece(
      space, pages_of(start, start + size), flags == sync_async ? Holes::end : Holes::skip,
      [&](const vm::Mapping& mapping, base::VpnRange piece) -> Outcome<> {
        if ((flags & sync_invalidate) && mapping.locking() != vm::Locking::none) {
          return Errno::busy;
        }
        return (flags & sync_wait) && mapping.is_shared() ? store(space, piece) : Outcome<>();
      });
  return synced.ok() ? CallResult(uint64_t(0)) : CallResult(synced.error());
}

// ---- mincore

namespace {

// One page of answers.
class CoreVector {
 public:
  static base::Result<CoreVector> create() {
    BASE_TRY_ASSIGN(const base::Pfn frame, allocate_zeroed_frame());
    return CoreVector(frame);
  }
  CoreVector(CoreVector&& other) noexcept
      : frame_(other.frame_), owned_(base::exchange(other.owned_, false)) {}
  ~CoreVector() {
    if (owned_) {
      free_frames(frame_, 0);
    }
  }
  [[nodiscard]] uint8_t* bytes() const { return static_cast<uint8_t*>(frame_window(frame_)); }

 private:
  explicit CoreVector(base::Pfn frame) : frame_(frame) {}
  base::Pfn frame_;
  bool owned_ = true;
};

}  // namespace

CallResult mincore(const CallArguments& arguments) {
  UserSpace& space = arguments.process.space();
  const uint64_t start = arguments.value[0];
  const uint64_t size = arguments.value[1];
  uint64_t to = arguments.value[2];
  const uint64_t limit = UserSpace::end();
  if (!is_page_aligned(start)) {
    return Errno::invalid;
  }
  if (start > limit || size > limit - start) {
    return Errno::no_memory;
  }
  const base::VpnRange pages = pages_of(start, start + page_align(size));
  if (to > limit || pages.count().raw() > limit - to) {
    return Errno::bad_address;
  }
  BASE_TRY_ASSIGN(const CoreVector vector, CoreVector::create());
  const Outcome<> done = for_each_piece(
      space, pages, Holes::end, [&](const vm::Mapping&, base::VpnRange piece) -> Outcome<> {
        for (base::Vpn at = piece.first(); at < piece.end();) {
          const auto count = base::min(piece.end() - at, base::PageCount(base::page_size));
          size_t filled = 0;
          BASE_TRY(space.vm().visit_pages(
              base::VpnRange::of(at, count),
              [&](const vm::PageState& state) { vector.bytes()[filled++] = state.resident; }));
          BASE_TRY(copy_to_user(base::UserAddr(to), vector.bytes(), filled));
          to += filled;
          at += count;
        }
        return {};
      });
  return done.ok() ? CallResult(uint64_t(0)) : CallResult(done.error());
}

}  // namespace kernel::calls
