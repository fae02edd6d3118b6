#include "kernel/process/signal_state.h"

#include "base/check.h"
#include "kernel/memory/heap.h"

namespace kernel {

void SignalActions::copy(const SignalActions& other) {
  for (unsigned i = 0; i < last_signal; ++i) {
    actions_[i] = other.actions_[i];
  }
}

void SignalActions::copy_ignored(const SignalActions& other) {
  for (unsigned i = 0; i < last_signal; ++i) {
    actions_[i] = {};
    if (other.actions_[i].handler == SignalAction::ignore) {
      actions_[i].handler = SignalAction::ignore;
    }
  }
}

struct PendingSignals::Record {
  Record* next;
  SignalInfo info;
};

PendingSignals::~PendingSignals() {
  while (Record* record = first_) {
    first_ = record->next;
    heap_free(record);
  }
}

base::Status PendingSignals::add(const SignalInfo& info) {
  const Signal signal = info.signal();
  const bool is_realtime = unsigned(signal) >= first_realtime_signal;
  if (set_.has(signal) && !is_realtime) {
    return {};
  }
  // What the kernel itself says about a standard signal is not dropped for a limit.
  const bool is_limited = is_realtime || info.code < 0;
  void* storage = nullptr;
  if (!is_limited || queued_ < max_queued) {
    if (const auto allocated = heap_allocate(sizeof(Record)); allocated) {
      storage = allocated.value();
    }
  }
  if (storage == nullptr) {
    if (is_realtime && info.code != signal_code::user) {
      return base::Error::would_block;
    }
    set_.add(signal);
    return {};
  }
  auto* record = base::construct_at<Record>(storage);
  record->next = nullptr;
  record->info = info;
  *end_ = record;
  end_ = &record->next;
  ++queued_;
  set_.add(signal);
  return {};
}

SignalInfo PendingSignals::take(Signal signal) {
  BASE_CHECK(set_.has(signal), "a signal is taken that is not pending");
  std::optional<SignalInfo> found;
  bool more = false;
  for (Record** at = &first_; *at != nullptr;) {
    Record& record = **at;
    if (record.info.signal() != signal) {
      at = &record.next;
      continue;
    }
    if (found) {
      more = true;
      break;
    }
    found = record.info;
    *at = record.next;
    if (end_ == &record.next) {
      end_ = at;
    }
    free(record);
  }
  if (!more) {
    set_.remove(signal);
  }
  return found ? *found : SignalInfo::from(signal, signal_code::user, 0);
}

void PendingSignals::drop(SignalSet signals) {
  set_ = set_ - signals;
  for (Record** at = &first_; *at != nullptr;) {
    Record& record = **at;
    if (!signals.has(record.info.signal())) {
      at = &record.next;
      continue;
    }
    *at = record.next;
    if (end_ == &record.next) {
      end_ = at;
    }
    free(record);
  }
}

void PendingSignals::free(Record& record) {
  --queued_;
  heap_free(&record);
}

}  // namespace kernel
