#include "kernel/scheme/call_buffer.h"

#include "kernel/memory/frames.h"
#include "kernel/memory/page_wait.h"
#include "kernel/syscall/user_copy.h"
#include "usercopy/user_memory.h"

namespace kernel {

namespace {

constexpr uint64_t page_size = base::page_size;

Errno errno_of_refusal(vm::Refusal refusal) {
  return refusal == vm::Refusal::out_of_memory ? Errno::no_memory : Errno::bad_address;
}

}  // namespace

Outcome<Owned<CallBuffer>> CallBuffer::prepare(UserSpace& space, uint64_t address, uint64_t size,
                                               Direction direction) {
  const uint64_t start = base::align_down(address, page_size);
  const base::PageCount count((base::align_up(address + size, page_size) - start) >>
                              base::page_shift);
  base::Access most = base::Right::read;
  if (direction == Direction::to_caller) {
    most = most.with(base::Right::write);
  }
  BASE_TRY_ASSIGN(LentPages* const pages, LentPages::create(count, most));
  auto made = make_owned<CallBuffer>(*pages, address, size, direction);
  if (!made.ok()) {
    pages->release();
    return made.error();
  }
  Owned<CallBuffer> buffer = base::move(made).value();
  const Outcome<> filled = buffer->fill(space);
  if (!filled.ok()) {
    (void)buffer->finish(space, 0);
    return filled.error();
  }
  return buffer;
}

// Every page can be accessed as the call will, when it is asked for next.
Outcome<> CallBuffer::bring_in(UserSpace& space) const {
  const auto pages = base::VpnRange::of(first(), lent_.size());
  const base::Access access =
      direction_ == Direction::to_caller ? base::Right::write : base::Right::read;
  for (;;) {
    vm::FaultOutcome outcome = space.vm().populate(pages, access);
    if (outcome.is_resolved()) {
      return {};
    }
    if (!outcome.must_wait()) {
      return errno_of_refusal(outcome.refusal());
    }
    switch (wait_for_page(outcome.token())) {
      case PageWaitResult::over: break;
      case PageWaitResult::refused: return Errno::bad_address;
      case PageWaitResult::interrupted: return Errno::interrupted;
    }
  }
}

Outcome<base::Optional<base::Pfn>> CallBuffer::lend(UserSpace& space, base::Vpn page,
                                                    bool& is_private) {
  constexpr unsigned patience = 8;
  const vm::PageUse use =
      direction_ == Direction::to_caller ? vm::PageUse::write : vm::PageUse::read;
  for (unsigned tries = 0; tries < patience; ++tries) {
    vm::PageAnswer answer = vm::PageAnswer::absent();
    {
      const vm::Epochs<Host>::Section section(space_system().epochs());
      answer = space.vm().lend(page, use);
    }
    switch (answer.kind()) {
      case vm::PageAnswer::Kind::page: break;
      case vm::PageAnswer::Kind::refused:
        return answer.error() == base::Error::out_of_memory ? Errno::no_memory : Errno::bad_address;
      default:
        // It has gone again: evicted, cut off.
        BASE_TRY(bring_in(space));
        continue;
    }
    if (answer.memory_type() != base::MemoryType::write_back) {
      space_system().machine().drop_frame(answer.frame());
      return base::Optional<base::Pfn>();
    }
    is_private = !answer.is_passed_on();
    return base::Optional<base::Pfn>(answer.frame());
  }
  return Errno::again;
}

// A page of zeroes with the buffer's bytes from `start` to `end`, addresses in one page.
Outcome<base::Pfn> CallBuffer::make_copy(uint64_t start, uint64_t end) const {
  BASE_TRY_ASSIGN(const base::Pfn frame, allocate_zeroed_frame());
  space_system().machine().records().of(frame).set_state(vm::FrameState::object_page);
  if (direction_ == Direction::to_daemon) {
    auto* window = static_cast<uint8_t*>(frame_window(frame)) + start % page_size;
    if (!copy_from_user(window, base::UserAddr(start), end - start).ok()) {
      space_system().machine().drop_frame(frame);
      return Errno::bad_address;
    }
  }
  return frame;
}

Outcome<> CallBuffer::fill(UserSpace& space) {
  BASE_TRY(bring_in(space));
  const uint64_t end = address_ + size_;
  base::Vpn known(0);  // up to here the mapping is known not to be on loan itself
  for (uint64_t i = 0; i < lent_.size().raw(); ++i) {
    const base::Vpn page = first() + base::PageCount(i);
    const uint64_t from = base::max(address_, base::UserAddr::of(page).raw());
    const uint64_t to = base::min(end, base::UserAddr::of(page).raw() + page_size);
    bool copy = to - from != page_size;
    if (!copy && page >= known) {
      const auto mapping = space.vm().mapping_at_or_after(page);
      if (!mapping || mapping->first() > page) {
        return Errno::bad_address;
      }
      copy = mapping->tag() == uint32_t(MemoryTag::lent);
      known = copy ? known : mapping->end();
    }
    if (!copy) {
      bool is_private = false;
      BASE_TRY_ASSIGN(const auto frame, lend(space, page, is_private));
      copy = !frame.has_value();
      if (!copy) {
        lent_.put(i, *frame);
        if (is_private) {
          add(private_, i);
        }
      }
    }
    if (copy) {
      BASE_TRY_ASSIGN(const base::Pfn frame, make_copy(from, to));
      lent_.put(i, frame);
      add(copied_, i);
    }
  }
  return {};
}

Outcome<uint64_t> CallBuffer::map(UserSpace& daemon) {
  BASE_TRY_ASSIGN(mapped_at_, lent_.map_into(daemon));
  mapped_ = true;
  return mapped_at_.raw() + address_ % page_size;
}

void CallBuffer::unmap(UserSpace& daemon) {
  if (base::exchange(mapped_, false)) {
    lent_.revoke(daemon, mapped_at_);
  }
}

Outcome<> CallBuffer::finish(UserSpace& space, uint64_t done) {
  bool stored = true;
  for (uint64_t i = 0; i < lent_.size().raw(); ++i) {
    const base::Vpn page = first() + base::PageCount(i);
    if (has(copied_, i)) {
      const uint64_t from = base::max(address_, base::UserAddr::of(page).raw());
      const uint64_t to = base::min(address_ + done, base::UserAddr::of(page).raw() + page_size);
      if (direction_ == Direction::to_caller && from < to) {
        stored = copy_to_user(base::UserAddr(from), lent_.window(i) + from % page_size, to - from)
                     .ok() &&
                 stored;
      }
    } else if (const base::Pfn frame = lent_.take(i); frame.raw() != 0) {
      space_system().machine().drop_frame(frame);
      if (has(private_, i)) {
        space.vm().give_back(page, frame);
      }
    }
  }
  return stored ? Outcome<>() : Outcome<>(Errno::bad_address);
}

}  // namespace kernel
