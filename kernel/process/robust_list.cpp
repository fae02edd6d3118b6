#include "kernel/process/robust_list.h"

#include "kernel/process/futex.h"
#include "kernel/process/process.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

constexpr unsigned max_entries = 2048;

// Bits of a futex word that is a lock: who holds it, and what is known of it.
constexpr uint32_t word_waiters = 0x8000'0000;
constexpr uint32_t word_owner_died = 0x4000'0000;
constexpr uint32_t word_owner = 0x3fff'ffff;

struct Head {
  uint64_t first;
  int64_t offset;
  uint64_t pending;
};

// The lowest bit of a pointer marks a lock with priority inheritance.
struct Entry {
  explicit Entry(uint64_t raw) : address(raw & ~1ULL), inherits_priority((raw & 1) != 0) {}
  uint64_t address;
  bool inherits_priority;
};

enum class State : uint8_t { held, pending };

void wake_one_waiter(UserSpace& space, base::UserAddr word) {
  (void)wake_futex(space, {word, false}, 1, futex_any_bit);
}

// Error::fault, invalid_argument: the word is not to be touched.
base::Status release_word(Thread& thread, base::UserAddr word, const Entry& entry, State state) {
  UserSpace& space = thread.process().space();
  for (;;) {
    BASE_TRY_ASSIGN(const uint32_t value, usercopy::load_user<uint32_t>(word));
    // Unlocked already, but whoever waits may not have been told.
    if (state == State::pending && !entry.inherits_priority && value == 0) {
      wake_one_waiter(space, word);
      return {};
    }
    if ((value & word_owner) != thread.id()) {
      return {};
    }
    const uint32_t released = (value & word_waiters) | word_owner_died;
    const auto before = usercopy::compare_exchange_user<uint32_t>(word, value, released);
    if (!before) {
      if (before.error() == base::Error::would_block) {
        continue;
      }
      return before.error();
    }
    if (before.value() == value) {
      if (!entry.inherits_priority && (value & word_waiters) != 0) {
        wake_one_waiter(space, word);
      }
      return {};
    }
  }
}

base::UserAddr word_of(const Head& head, const Entry& entry) {
  return base::UserAddr(entry.address + uint64_t(head.offset));
}

}  // namespace

void release_robust_futexes(Thread& thread) {
  const uint64_t list = base::exchange(thread.robust_list, 0);
  if (list == 0) {
    return;
  }
  const auto read = read_user<Head>(base::UserAddr(list));
  if (!read) {
    return;
  }
  const Head head = read.value();
  const Entry pending(head.pending);
  Entry at(head.first);
  for (unsigned count = 0; at.address != list && count < max_entries; ++count) {
    // Before the word is released: the entry may be gone afterwards.
    const auto next = read_user<uint64_t>(base::UserAddr(at.address));
    if (at.address != pending.address &&
        !release_word(thread, word_of(head, at), at, State::held).ok()) {
      return;
    }
    if (!next) {
      return;
    }
    at = Entry(next.value());
  }
  if (pending.address != 0) {
    (void)release_word(thread, word_of(head, pending), pending, State::pending);
  }
}

}  // namespace kernel
