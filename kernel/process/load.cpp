#include "kernel/process/load.h"

#include "base/atomic.h"
#include "kernel/memory/heap.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/timer.h"

namespace kernel {

namespace {

constexpr uint64_t period_ns = 5'000'000'000;
// e^(-5s/1min), e^(-5s/5min), e^(-5s/15min), in units of load_one.
constexpr uint64_t decay[3] = {1884, 2014, 2037};

base::Atomic<uint64_t> averages[3];

void sample(void*, Timer& timer) {
  const uint64_t running = running_threads() * load_one;
  for (unsigned i = 0; i < 3; ++i) {
    const uint64_t before = averages[i].load<base::Order::relaxed>();
    // Rounded up while the load rises, so that a full processor reaches 1.00.
    const uint64_t rounding = running >= before ? load_one - 1 : 0;
    averages[i].store<base::Order::relaxed>(
        (before * decay[i] + running * (load_one - decay[i]) + rounding) / load_one);
  }
  timer.start(Deadline::after_ns(period_ns));
}

}  // namespace

base::Status start_load_sampling() {
  BASE_TRY_ASSIGN(Owned<Timer> sampler, make_owned<Timer>(sample, nullptr));
  sampler.release()->start(Deadline::after_ns(period_ns));  // for good
  return {};
}

Load load() {
  return {{averages[0].load<base::Order::relaxed>(), averages[1].load<base::Order::relaxed>(),
           averages[2].load<base::Order::relaxed>()}};
}

}  // namespace kernel
