// poll_calls.cpp: poll, ppoll, select, pselect6.
#include <cstring>

#include "cpu/timer.h"
#include "kernel/fd/poll_wait.h"
#include "kernel/process/signal_mask.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint64_t ns_per_millisecond = 1'000'000;
constexpr uint64_t ns_per_microsecond = 1'000;

// A heap array of T, of a size that a program chose.
template <typename T>
class HeapArray {
 public:
  HeapArray() = default;
  HeapArray(const HeapArray&) = delete;
  HeapArray& operator=(const HeapArray&) = delete;
  ~HeapArray() {
    for (T& item : items()) {
      item.~T();
    }
    heap_free(storage_);
  }
  // Once. ENOMEM.
  [[nodiscard]] Outcome<> allocate(size_t count) {
    if (count != 0) {
      BASE_TRY_ASSIGN(storage_, heap_allocate(count * sizeof(T)));
    }
    for (; count_ < count; ++count_) {
      base::construct_at<T>(static_cast<T*>(storage_) + count_);
    }
    return {};
  }
  [[nodiscard]] std::span<T> items() { return {static_cast<T*>(storage_), count_}; }

 private:
  void* storage_ = nullptr;
  size_t count_ = 0;
};

// struct timespec and struct timeval have the same shape.
struct Time {
  int64_t seconds;
  int64_t fraction;
};

// A time to wait, as an address that may be 0 (for ever). EINVAL, EFAULT.
Outcome<Deadline> fetch_deadline(base::UserAddr at, uint64_t ns_per_fraction) {
  if (at.raw() == 0) {
    return Deadline::never();
  }
  BASE_TRY_ASSIGN(const Time time, read_user<Time>(at));
  const auto most = int64_t(ns_per_second / ns_per_fraction);
  if (time.seconds < 0 || time.fraction < 0 || time.fraction >= most) {
    return Errno::invalid;
  }
  constexpr int64_t longest = int64_t(~0ULL / ns_per_second / 4);
  return Deadline::after_ns(uint64_t(base::min(time.seconds, longest)) * ns_per_second +
                            uint64_t(time.fraction) * ns_per_fraction);
}

// As on Linux the program is told what was left of its time, and not told if that fails.
void put_rest(base::UserAddr at, const Deadline& deadline, uint64_t ns_per_fraction) {
  if (at.raw() == 0) {
    return;
  }
  const uint64_t now = cpu::monotonic_ns();
  const uint64_t rest = deadline.ns() > now ? deadline.ns() - now : 0;
  (void)write_user(
      at, Time{int64_t(rest / ns_per_second), int64_t(rest % ns_per_second / ns_per_fraction)});
}

// Waits under another signal mask, if the program gave one.
class MaskedWait {
 public:
  // EINVAL: the mask has another size than the kernel's; EFAULT.
  [[nodiscard]] Outcome<> begin(base::UserAddr mask, uint64_t size) {
    if (mask.raw() == 0) {
      return {};
    }
    if (size != sizeof(uint64_t)) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const uint64_t bits, read_user<uint64_t>(mask));
    begin_waiting_mask(SignalSet(bits));
    active_ = true;
    return {};
  }
  // A signal keeps the mask until its handler has run.
  template <typename T>
  void end(const Outcome<T>& outcome) {
    if (active_ && (outcome.ok() || outcome.error() != Errno::restart_without_handler)) {
      end_waiting_mask();
    }
  }

 private:
  bool active_ = false;
};

struct PollDescriptor {
  int32_t number;
  uint16_t wanted;
  uint16_t found;
};

Outcome<uint32_t> do_poll(const CallArguments& arguments, Deadline deadline) {
  const uint64_t count = uint32_t(arguments.value[1]);
  if (count > file_limit(arguments)) {
    return Errno::invalid;
  }
  HeapArray<PollDescriptor> descriptors;
  HeapArray<PollItem> items;
  BASE_TRY(descriptors.allocate(count));
  BASE_TRY(copy_from_user(descriptors.items().data(), arguments.address(0),
                          count * sizeof(PollDescriptor)));
  BASE_TRY(items.allocate(count));
  uint32_t invalid = 0;
  for (size_t i = 0; i < count; ++i) {
    PollDescriptor& descriptor = descriptors.items()[i];
    PollItem& item = items.items()[i];
    descriptor.found = 0;
    if (descriptor.number < 0) {
      continue;
    }
    item.wanted = descriptor.wanted;
    item.file = files_of(arguments).find(uint32_t(descriptor.number));
    if (!item.file || (item.file->flags() & open_flag::path_only)) {
      item.file.reset();
      descriptor.found = poll_event::invalid;
      ++invalid;
    }
  }
  BASE_TRY_ASSIGN(const uint32_t found,
                  wait_for_events(items.items(), invalid != 0 ? Deadline::at_ns(0) : deadline));
  for (size_t i = 0; i < count; ++i) {
    PollDescriptor& descriptor = descriptors.items()[i];
    descriptor.found = uint16_t(descriptor.found | items.items()[i].found);
    const uint64_t at = arguments.value[0] + i * sizeof(PollDescriptor) + 6;
    BASE_TRY(write_user(base::UserAddr(at), descriptor.found));
  }
  return found + invalid;
}

// The three sets of select(): bit n of each is descriptor n.
enum SelectSet : uint8_t { set_read, set_write, set_except, set_count };
constexpr uint32_t set_wants[set_count] = {
    poll_event::readable | poll_event::hang_up | poll_event::error,
    poll_event::writable | poll_event::error, poll_event::priority};

struct SelectBits {
  static constexpr size_t words = FileTable::max_files / 64;
  uint64_t sets[set_count][words];
};

Outcome<uint32_t> do_select(const CallArguments& arguments, Deadline deadline) {
  if (arguments.integer(0) < 0) {
    return Errno::invalid;
  }
  const uint32_t count = base::min(uint32_t(arguments.value[0]), FileTable::max_files);
  const size_t bytes = (count + 63) / 64 * sizeof(uint64_t);
  BASE_TRY_ASSIGN(const auto bits, make_owned<SelectBits>());
  memset(bits->sets, 0, sizeof(bits->sets));
  for (unsigned set = 0; set < set_count; ++set) {
    if (arguments.value[1 + set] != 0) {
      BASE_TRY(copy_from_user(bits->sets[set], arguments.address(1 + set), bytes));
    }
  }
  const auto has = [&](unsigned set, uint32_t number) {
    return (bits->sets[set][number / 64] >> (number % 64)) & 1;
  };
  HeapArray<PollItem> items;
  BASE_TRY(items.allocate(count));
  for (uint32_t i = 0; i < count; ++i) {
    PollItem& item = items.items()[i];
    for (unsigned set = 0; set < set_count; ++set) {
      item.wanted |= has(set, i) ? set_wants[set] : 0;
    }
    if (item.wanted == 0) {
      continue;
    }
    item.file = files_of(arguments).find(i);
    if (!item.file) {
      return Errno::bad_descriptor;
    }
  }
  BASE_TRY(wait_for_events(items.items(), deadline));
  uint32_t found = 0;
  for (uint32_t i = 0; i < count; ++i) {
    for (unsigned set = 0; set < set_count; ++set) {
      if (!has(set, i)) {
        continue;
      }
      if (items.items()[i].found & set_wants[set]) {
        ++found;
      } else {
        bits->sets[set][i / 64] &= ~(1ULL << (i % 64));
      }
    }
  }
  for (unsigned set = 0; set < set_count; ++set) {
    if (arguments.value[1 + set] != 0) {
      BASE_TRY(copy_to_user(arguments.address(1 + set), bits->sets[set], bytes));
    }
  }
  return found;
}

}  // namespace

CallResult poll(const CallArguments& arguments) {
  const int32_t milliseconds = arguments.integer(2);
  return do_poll(arguments, milliseconds < 0
                                ? Deadline::never()
                                : Deadline::after_ns(uint64_t(milliseconds) * ns_per_millisecond));
}

CallResult ppoll(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Deadline deadline, fetch_deadline(arguments.address(2), 1));
  MaskedWait mask;
  BASE_TRY(mask.begin(arguments.address(3), arguments.value[4]));
  const auto result = do_poll(arguments, deadline);
  mask.end(result);
  put_rest(arguments.address(2), deadline, 1);
  return result;
}

CallResult select(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Deadline deadline,
                  fetch_deadline(arguments.address(4), ns_per_microsecond));
  const auto result = do_select(arguments, deadline);
  put_rest(arguments.address(4), deadline, ns_per_microsecond);
  return result;
}

CallResult pselect6(const CallArguments& arguments) {
  struct MaskArgument {
    uint64_t mask;
    uint64_t size;
  };
  BASE_TRY_ASSIGN(const Deadline deadline, fetch_deadline(arguments.address(4), 1));
  MaskArgument argument{};
  if (arguments.value[5] != 0) {
    BASE_TRY_ASSIGN(argument, read_user<MaskArgument>(arguments.address(5)));
  }
  MaskedWait mask;
  BASE_TRY(mask.begin(base::UserAddr(argument.mask), argument.size));
  const auto result = do_select(arguments, deadline);
  mask.end(result);
  put_rest(arguments.address(4), deadline, 1);
  return result;
}

}  // namespace kernel::calls
