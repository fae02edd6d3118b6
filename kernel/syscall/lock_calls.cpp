// lock_calls.cpp: the mlock family. Nobody may lock more than RLIMIT_MEMLOCK. The order of the
// checks is Linux's.
#include "kernel/memory/page_wait.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/memory_range.h"

namespace kernel::calls {

namespace {

// The whole pages that hold [start, start + size); nothing when their end wraps around.
struct Pages {
  uint64_t start, size;

  Pages(uint64_t address, uint64_t bytes)
      : start(base::align_down(address, base::page_size)),
        size(page_align(bytes + address % base::page_size)) {}
  [[nodiscard]] bool wraps() const { return start + size < start; }
  [[nodiscard]] base::VpnRange range() const { return pages_of(start, start + size); }
};

Errno errno_of_lock(base::Error error) {
  return error == base::Error::limit_exceeded ? Errno::no_memory : errno_of(error);
}

// What is there is locked or unlocked up to the first hole.
Outcome<> set_locking(UserSpace& space, base::VpnRange pages, vm::Locking locking) {
  return for_each_piece(space, pages, Holes::end,
                        [&](const vm::Mapping&, base::VpnRange piece) -> Outcome<> {
                          const base::Status status = space.vm().lock(piece, locking);
                          // Pages that are owed are waited for afterwards.
                          return status.ok() || status.error() == base::Error::would_block
                                     ? Outcome<>()
                                     : errno_of_lock(status.error());
                        });
}

// Every page, as its mapping lets it be used. ENOMEM: one cannot be had, or may not be used at all.
Outcome<> bring_in(UserSpace& space, base::VpnRange pages) {
  return for_each_piece(
      space, pages, Holes::end, [&](const vm::Mapping& mapping, base::VpnRange piece) -> Outcome<> {
        const bool write = mapping.access().can_write() && !mapping.is_shared();
        for (;;) {
          vm::FaultOutcome outcome =
              space.vm().populate(piece, write ? base::Right::write : base::Right::read);
          if (outcome.is_resolved()) {
            return {};
          }
          if (!outcome.must_wait()) {
            return Errno::no_memory;
          }
          if (wait_for_page(outcome.token()) != PageWaitResult::over) {
            return Errno::interrupted;
          }
        }
      });
}

// Pages of the range that are locked already.
base::PageCount locked_pages(UserSpace& space, base::VpnRange pages) {
  base::PageCount locked;
  (void)for_each_piece(space, pages, Holes::skip,
                       [&](const vm::Mapping& mapping, base::VpnRange piece) -> Outcome<> {
                         if (mapping.locking() != vm::Locking::none) {
                           locked += piece.count();
                         }
                         return {};
                       });
  return locked;
}

CallResult lock(UserSpace& space, const Pages& pages, vm::Locking locking) {
  const base::PageCount limit = space.vm().limits().locked;
  if (limit.is_zero()) {
    return Errno::not_permitted;
  }
  // What is more than the limit by itself never fits; the rest is libvm's to count.
  if (base::PageCount(pages.size >> base::page_shift) > limit) {
    return Errno::no_memory;
  }
  if (pages.wraps()) {
    return Errno::invalid;
  }
  // libvm locks all or nothing; here, what precedes a hole is locked, if all of it could be.
  const base::PageCount more = pages.range().count() - locked_pages(space, pages.range());
  if (space.vm().locked() + more > limit) {
    return Errno::no_memory;
  }
  BASE_TRY(set_locking(space, pages.range(), vm::Locking::on_fault));
  if (locking == vm::Locking::all) {
    BASE_TRY(set_locking(space, pages.range(), vm::Locking::all));
    BASE_TRY(bring_in(space, pages.range()));
  }
  return uint64_t(0);
}

}  // namespace

CallResult mlock(const CallArguments& arguments) {
  return lock(arguments.process.space(), Pages(arguments.value[0], arguments.value[1]),
              vm::Locking::all);
}

CallResult mlock2(const CallArguments& arguments) {
  constexpr int32_t on_fault = 1;
  const int32_t flags = arguments.integer(2);
  if ((flags & ~on_fault) != 0) {
    return Errno::invalid;
  }
  return lock(arguments.process.space(), Pages(arguments.value[0], arguments.value[1]),
              flags == on_fault ? vm::Locking::on_fault : vm::Locking::all);
}

CallResult munlock(const CallArguments& arguments) {
  const Pages pages(arguments.value[0], arguments.value[1]);
  if (pages.wraps()) {
    return Errno::invalid;
  }
  BASE_TRY(set_locking(arguments.process.space(), pages.range(), vm::Locking::none));
  return uint64_t(0);
}

CallResult mlockall(const CallArguments& arguments) {
  enum : int32_t { current = 1, future = 2, on_fault = 4, known = 7 };
  AddressSpace& space = arguments.process.space().vm();
  const int32_t flags = arguments.integer(0);
  if (flags == 0 || flags == on_fault || (flags & ~known) != 0) {
    return Errno::invalid;
  }
  if (space.limits().locked.is_zero()) {
    return Errno::not_permitted;
  }
  const vm::Locking locking = flags & on_fault ? vm::Locking::on_fault : vm::Locking::all;
  const vm::Locking later = flags & future ? locking : vm::Locking::none;
  if (!(flags & current)) {
    space.lock_later(later);
    return uint64_t(0);
  }
  return space.lock_all(locking, later);
}

CallResult munlockall(const CallArguments& arguments) {
  return arguments.process.space().vm().lock_all(vm::Locking::none, vm::Locking::none);
}

}  // namespace kernel::calls
