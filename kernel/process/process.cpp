#include "kernel/process/process.h"

namespace kernel {

namespace {
uint32_t next_id = 1;
}

base::Result<Owned<Process>> Process::create(Text name) {
  BASE_TRY_ASSIGN(auto space, UserSpace::create());
  return make_owned<Process>(name, base::move(space));
}

Process::Process(Text name, Owned<UserSpace> space) : id_(next_id++), space_(base::move(space)) {
  const size_t slash = name.rfind('/');
  name.remove_prefix(slash == Text::npos ? 0 : slash + 1);
  name.copy(name_, max_name - 1);
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

void Process::record_exit(ExitCause cause, uint8_t value) {
  status_ = cause == ExitCause::exited ? value : uint8_t(128 + value);
}

}  // namespace kernel
