// signal_state.h: what threads and processes keep about signals: actions, masks, what is pending.
//
// Everything here is guarded by process_lock, except for what is said to be the thread's own, and
// queues to wait in.
#pragma once

#include <cstdint>
#include <optional>

#include "base/list.h"
#include "base/result.h"
#include "kernel/memory/ref.h"
#include "kernel/process/process_table.h"
#include "kernel/process/signal.h"
#include "kernel/process/wait_queue.h"

namespace kernel {

// What becomes of a signal; laid out as rt_sigaction() has it.
struct SignalAction {
  static constexpr uint64_t by_default = 0;  // as handler
  static constexpr uint64_t ignore = 1;

  uint64_t handler = by_default;
  uint64_t flags = 0;  // action_flag
  uint64_t restorer = 0;
  SignalSet mask;

  [[nodiscard]] bool has_handler() const { return handler != by_default && handler != ignore; }
  // Whether `signal` with this action has no effect at all.
  [[nodiscard]] bool ignores(Signal signal) const {
    return handler == ignore || (handler == by_default && harmless_signals.has(signal));
  }
};

namespace action_flag {
inline constexpr uint64_t no_child_stop = 1;
inline constexpr uint64_t no_child_wait = 2;
inline constexpr uint64_t wants_info = 4;
inline constexpr uint64_t restorer = 0x0400'0000;
inline constexpr uint64_t alternate_stack = 0x0800'0000;
inline constexpr uint64_t restart = 0x1000'0000;
inline constexpr uint64_t no_defer = 0x4000'0000;
inline constexpr uint64_t reset = 0x8000'0000;
// The others are forgotten.
inline constexpr uint64_t known = no_child_stop | no_child_wait | wants_info | restorer |
                                  alternate_stack | restart | no_defer | reset | 0x800;
}  // namespace action_flag

// The actions of a process; processes made with CLONE_SIGHAND share them.
class SignalActions : public RefCounted<SignalActions> {
 public:
  SignalActions() = default;

  [[nodiscard]] SignalAction& of(Signal signal) BASE_REQUIRES(process_lock) {
    return actions_[unsigned(signal) - 1];
  }
  void copy(const SignalActions& other) BASE_REQUIRES(process_lock);
  // What is left of `other` by execve: what was ignored.
  void copy_ignored(const SignalActions& other) BASE_REQUIRES(process_lock);

 private:
  SignalAction actions_[last_signal];
};

// Signals that have been sent and not been taken. A signal below first_realtime_signal is there at
// most once, the others as often as sent, in order.
class PendingSignals {
 public:
  // What one process may have waiting, its threads' included.
  static constexpr uint32_t max_queued = 1024;

  // `queued` counts the process's.
  explicit PendingSignals(uint32_t& queued) : queued_(queued) {}
  PendingSignals(const PendingSignals&) = delete;
  PendingSignals& operator=(const PendingSignals&) = delete;
  // Empty but for what has never had a receiver.
  ~PendingSignals();

  [[nodiscard]] SignalSet set() const BASE_REQUIRES(process_lock) { return set_; }
  // Error::would_block: nothing was added: a real-time signal sent by sigqueue() finds no room.
  // Other signals are then added without what they tell.
  base::Status add(const SignalInfo& info) BASE_REQUIRES(process_lock);
  // The next of `signal`, which is in the set. Nothing was kept about it: from nobody.
  [[nodiscard]] SignalInfo take(Signal signal) BASE_REQUIRES(process_lock);
  // All of those.
  void drop(SignalSet signals) BASE_REQUIRES(process_lock);

 private:
  struct Record;
  void free(Record& record);

  SignalSet set_;
  Record* first_ = nullptr;
  Record** end_ = &first_;
  uint32_t& queued_;
};

// sigaltstack()
struct AlternateStack {
  static constexpr uint32_t in_use = 1;
  static constexpr uint32_t disabled = 2;
  static constexpr uint32_t disarms_itself = 0x8000'0000;

  uint64_t base = 0;
  uint64_t size = 0;
  uint32_t flags = 0;

  [[nodiscard]] bool contains(uint64_t sp) const { return sp > base && sp - base <= size; }
  // Whether a thread with this stack pointer runs on it.
  [[nodiscard]] bool is_used_at(uint64_t sp) const {
    return (flags & disarms_itself) == 0 && contains(sp);
  }
  [[nodiscard]] uint32_t state_at(uint64_t sp) const {
    return size == 0 ? disabled : is_used_at(sp) ? in_use : 0;
  }
  void forget() { *this = {0, 0, disabled}; }
};

// Of the last fault that became a signal; what the numbers mean is the architecture's.
struct LastFault {
  uint64_t address = 0;
  uint64_t code = 0;
  uint64_t vector = 0;
};

struct ThreadSignals {
  explicit ThreadSignals(uint32_t& queued) : pending(queued) {}

  // What the thread's own instruction did: before anything else.
  SignalSet forced;
  // Changed by the thread alone (signal_mask.h).
  SignalSet blocked;
  // What sigtimedwait() waits for, though it is blocked.
  SignalSet awaited;
  PendingSignals pending;

  // ---- The thread's own
  // The mask to go back to on the way to user mode, unless a handler runs (sigsuspend, ppoll).
  std::optional<SignalSet> saved_mask;
  AlternateStack stack;
  LastFault last_fault;
};

struct ProcessSignals {
  uint32_t queued = 0;
  Ref<SignalActions> actions;  // none: kernel processes
  PendingSignals pending{queued};

  // Every thread has to park until it is told to go on.
  bool is_stopped = false;
  Signal stopped_by = Signal::none;
  uint32_t parked_threads = 0;
  WaitQueue resumed;
};

}  // namespace kernel
