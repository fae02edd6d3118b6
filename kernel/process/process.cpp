#include "kernel/process/process.h"

#include <cstring>

#include "cpu/timer.h"

namespace kernel {

Process::~Process() {
  BASE_CHECK(!space_, "a process dies with its memory");
}

void Process::set_name(Text path) {
  const size_t slash = path.rfind('/');
  rename(path.substr(slash == Text::npos ? 0 : slash + 1));
  start_ns_ = start_ns_ == 0 ? cpu::monotonic_ns() : start_ns_;
}

void Process::rename(Text name) {
  char fresh[max_name] = {};
  name.copy(fresh, max_name - 1);
  memcpy(name_, fresh, sizeof(name_));
}

Ref<UserSpace> Process::exchange_space(Ref<UserSpace> space) {
  const base::Guard guard(process_lock);
  if (space) {
    space->add_user();
  }
  if (space_) {
    space_->remove_user();
  }
  return base::exchange(space_, base::move(space));
}

void Process::inherit(const Process& maker) {
  {
    const base::Guard guard(process_lock);
    limits = maker.limits;
    credentials = maker.credentials;
    traits = maker.traits;
    traits.parent_death_signal = 0;
  }
  words_ = maker.words_;
  signal_trampoline_ = maker.signal_trampoline_;
  executable_ = maker.executable_;
}

Ref<PathText> Process::exchange_executable(Ref<PathText> path) {
  const base::Guard guard(process_lock);
  return base::exchange(executable_, base::move(path));
}

Ref<FileTable> Process::exchange_files(Ref<FileTable> files) {
  const base::Guard guard(process_lock);
  return base::exchange(files_, base::move(files));
}

Ref<PathContext> Process::exchange_paths(Ref<PathContext> paths) {
  const base::Guard guard(process_lock);
  return base::exchange(paths_, base::move(paths));
}

base::Status Process::unshare_files() {
  if (files_->references() > 1) {
    BASE_TRY_ASSIGN(Ref<FileTable> own, files_->copy());
    (void)exchange_files(base::move(own));
  }
  return {};
}

bool Process::first_time_unknown(uint64_t number) {
  if (number >= sizeof(unknown_calls_) * 8) {
    return false;
  }
  uint64_t& word = unknown_calls_[number / 64];
  const uint64_t bit = 1ULL << (number % 64);
  const bool first = (word & bit) == 0;
  word |= bit;
  return first;
}

ResourceUsage Process::usage() const {
  ResourceUsage sum;
  Ref<UserSpace> space;
  {
    const base::Guard guard(process_lock);
    sum = past_usage;
    for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
      sum.add(thread->switches());
    }
    space = space_;
  }
  if (space) {
    sum.add(usage_of(*space));
  }
  return sum;
}

void Process::keep_usage(UserSpace& space) {
  const ResourceUsage usage = usage_of(space);
  const base::Guard guard(process_lock);
  past_usage.add(usage);
}

CpuTimes Process::times() const {
  CpuTimes sum = ended_threads;
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
    const CpuTimes times = thread->times();
    sum.user += times.user;
    sum.system += times.system;
  }
  return sum;
}

}  // namespace kernel
