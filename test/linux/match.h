// Match<Format>: makes each call on Linux and on libvm and compares: errno, layout, what an access
// comes to, contents. Knows the intended differences: it sees that each is as listed, makes up for
// it, and counts it.
//
// A disagreement is a sim::Failure.
#pragma once

#include <cerrno>
#include <map>

#include "linux/differences.h"
#include "linux/guest.h"
#include "linux/host.h"

namespace linux_oracle {

struct Tally {
  uint64_t sequences = 0;
  uint64_t calls = 0;
  uint64_t differences[difference_count] = {};
};

template <class F>
class Match {
 public:
  Match(Host& host, Tally& tally, uint64_t seed, uint64_t file_pages)
      : host_(host), tally_(tally), guest_(seed, file_pages) {
    host_.reset(file_pages);
  }

  void make(Call call);
  // What is in every page of every process; then libvm's side is taken down.
  void finish();

 private:
  enum class Step : uint8_t { compared, left_out };

  [[nodiscard]] bool is_left_out(const Call& call);
  [[nodiscard]] bool is_write_only(const Call& call, const Answer& real);
  void unlock_all_of_it(const Call& call);
  void make_up_for_part(const Call& call, Answer& real, Answer& ours);
  void compare(unsigned process, const Answer& real, const Answer& ours);
  void compare_page(unsigned process, unsigned page, const MappedPage& real,
                    const MappedPage& ours);
  void note(Difference difference) { ++tally_.differences[unsigned(difference)]; }

  Host& host_;
  Tally& tally_;
  Guest<F> guest_;
  Answer latest_[2];  // what Linux has mapped
  uint64_t next_value_ = 1;
  std::map<uint64_t, uint64_t> our_object_;  // by Linux's inode
  std::map<uint64_t, uint64_t> their_object_;
};

template <class F>
void Match<F>::make(Call call) {
  if (!host_.lives(call.process)) call.process = 1 - call.process;
  if (is_left_out(call)) return;
  call.value = next_value_++;
  ++tally_.calls;
  Answer ours = guest_.make(call);
  Answer real = host_.make(call);
  if (ours.error != 0) make_up_for_part(call, real, ours);
  if (call.kind == Kind::madvise && call.advice == Advice::free && real.error != EINVAL) {
    note(Difference::free_at_once);
  }
  if (is_write_only(call, real)) {
    note(Difference::write_only);
  } else if (real.error != ours.error) {
    sim::fail(sim::Rule::mismatch, "errno %d, expected %d", ours.error, real.error);
  }
  if (real.elsewhere != ours.elsewhere) {
    sim::fail(sim::Rule::mismatch, "placed %s, expected %s", ours.elsewhere ? "elsewhere" : "here",
              real.elsewhere ? "elsewhere" : "here");
  }
  if (real.touch != ours.touch || real.value != ours.value) {
    sim::fail(sim::Rule::mismatch, "access: %u, value %llu; expected %u, %llu",
              unsigned(ours.touch), (unsigned long long)ours.value, unsigned(real.touch),
              (unsigned long long)real.value);
  }
  if (call.kind == Kind::mremap && real.error == 0 &&
      (call.move == Move::may_leave || call.move == Move::fixed_leave)) {
    unlock_all_of_it(call);
  }
  compare(call.process, real, ours);
  if (call.kind == Kind::fork) {
    Call look;
    look.kind = Kind::look;
    look.process = uint8_t(1 - call.process);
    compare(look.process, host_.make(look), guest_.make(look));
  }
}

template <class F>
void Match<F>::finish() {
  for (uint8_t process = 0; process < 2; ++process) {
    for (uint8_t page = 0; page < arena_pages; ++page) {
      Call read;
      read.kind = Kind::read;
      read.process = process;
      read.page = page;
      if (host_.lives(process)) make(read);
    }
  }
  guest_.finish();
  ++tally_.sequences;
}

// Calls on which the two would part for good.
template <class F>
bool Match<F>::is_left_out(const Call& call) {
  if (call.kind != Kind::mremap || !latest_[call.process].pages[call.page].mapped) return false;
  const unsigned kept = call.count < call.new_count ? call.count : call.new_count;
  bool linux_has_one = true;
  bool linux_has_all = true;
  for (unsigned page = call.page + 1; page < call.page + kept; ++page) {
    const MappedPage& it = latest_[call.process].pages[page];
    linux_has_all = linux_has_all && it.mapped;
    linux_has_one = linux_has_one && it.mapped && !it.starts;
  }
  const auto here = guest_.pieces(call.process, call.page, kept);
  if (linux_has_all && !linux_has_one && here == Guest<F>::Pieces::one) {
    note(Difference::joined);
    return true;
  }
  if (linux_has_one && here == Guest<F>::Pieces::charged_and_not) {
    note(Difference::charge_stays);
    return true;
  }
  if (!linux_has_one && call.count == call.new_count && call.move != Move::never) {
    note(Difference::several_mappings);
    return true;
  }
  return false;
}

// Is it MADV_POPULATE_READ, refused because of a page that is mapped for writing alone?
template <class F>
bool Match<F>::is_write_only(const Call& call, const Answer& real) {
  if (call.kind != Kind::madvise || call.advice != Advice::populate_read) return false;
  if (real.error != EINVAL) return false;
  for (unsigned page = call.page; page < unsigned(call.page + call.count); ++page) {
    const MappedPage& it = real.pages[page];
    if (!it.mapped || it.rights == 0) return false;
    if (it.rights == 2) return true;
  }
  return false;
}

// What Linux had as one mapping around what has moved (and maybe back again).
template <class F>
void Match<F>::unlock_all_of_it(const Call& call) {
  const MappedPage* const pages = latest_[call.process].pages;
  unsigned first = call.page;
  while (first > 0 && !pages[first].starts) --first;
  unsigned end = call.page + 1u;
  while (end < arena_pages && pages[end].mapped && !pages[end].starts) ++end;
  const auto unlock = [&](unsigned from, unsigned to) {
    if (from >= to) return;
    Call part = call;
    part.kind = Kind::munlock;
    part.page = uint8_t(from);
    part.count = uint8_t(to - from);
    (void)guest_.make(part);
    note(Difference::leave_unlocks);
  };
  unlock(first, call.page);
  unlock(call.page + call.count, end);
}

// Where Linux stops half-way and libvm refuses the whole: the longest part from the beginning that
// libvm accepts is made up for, and Linux must have stopped there, for libvm's reason.
template <class F>
void Match<F>::make_up_for_part(const Call& call, Answer& real, Answer& ours) {
  Difference difference = Difference::protect_whole;
  int refusal[2] = {ENOMEM, EACCES};
  switch (call.kind) {
    case Kind::mprotect: break;
    case Kind::mlock:
    case Kind::munlock: difference = Difference::lock_whole; break;
    case Kind::madvise:
      if (call.advice != Advice::dont_need && call.advice != Advice::free &&
          call.advice != Advice::wipe_on_fork) {
        return;
      }
      refusal[0] = refusal[1] = EINVAL;
      difference = Difference::advise_whole;
      break;
    default: return;
  }
  const auto refused = [&](const Answer& answer) {
    return answer.error == refusal[0] || answer.error == refusal[1];
  };
  if (!refused(ours)) return;
  Call part = call;
  for (Answer last = ours; part.count-- > 1; last = ours) {
    ours = guest_.make(part);
    if (refused(ours)) continue;
    note(difference);
    ours.error = last.error;
    return;
  }
  (void)real;
}

template <class F>
void Match<F>::compare(unsigned process, const Answer& real, const Answer& ours) {
  latest_[process] = real;
  for (unsigned page = 0; page < arena_pages; ++page) {
    compare_page(process, page, real.pages[page], ours.pages[page]);
  }
}

template <class F>
void Match<F>::compare_page(unsigned process, unsigned page, const MappedPage& real,
                            const MappedPage& ours) {
  // See access_of().
  const uint8_t rights = uint8_t(real.rights | (real.rights != 0 ? 1 : 0));
  bool same = real.mapped == ours.mapped && rights == ours.rights && real.shared == ours.shared &&
              real.file_page == ours.file_page && (real.inode == 0) == (ours.inode == 0);
  if (same && real.inode != 0) {
    same = our_object_.try_emplace(real.inode, ours.inode).first->second == ours.inode &&
           their_object_.try_emplace(ours.inode, real.inode).first->second == real.inode;
  }
  if (same) return;
  sim::fail(sim::Rule::mismatch,
            "process %u, page %u: mapped %u rights %u shared %u object %llu page %llu; expected "
            "%u %u %u %llu %llu",
            process, page, ours.mapped, ours.rights, ours.shared, (unsigned long long)ours.inode,
            (unsigned long long)ours.file_page, real.mapped, real.rights, real.shared,
            (unsigned long long)real.inode, (unsigned long long)real.file_page);
}

}  // namespace linux_oracle
