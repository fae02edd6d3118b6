#include "kernel/process/secondary.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/per_cpu.h"
#include "cpu/secondary.h"
#include "cpu/timer.h"
#include "cpu/traps.h"
#include "kernel/driver/acpi.h"
#include "kernel/host/cpus.h"
#include "kernel/host/self_test.h"
#include "kernel/log/log.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/shootdown.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/seam/traps.h"

namespace kernel {

namespace {

enum class Progress : uint32_t {
  called,   // the machine was asked to start it
  arrived,  // it runs our code
  refused,  // it runs our code and does not take part
  online,
  abandoned,  // it has not come in time and must not come any more
};

struct SecondaryCpu {
  cpu::PerCpu block{};
  CpuLocal local;
  base::Atomic<Progress> progress{Progress::called};
  const char* problem = nullptr;  // why it is refused
  Thread* idle = nullptr;
};

constexpr unsigned home_order =
    base::log2_ceil((sizeof(SecondaryCpu) + base::page_size - 1) >> base::page_shift);

constexpr uint64_t arrival_ns = 2'000'000'000;

SecondaryCpu* secondaries[max_cpus];

// Memory for good: a CPU that was started once may look at it at any time.
SecondaryCpu* make_secondary(uint32_t number, uint64_t hardware_id, uint64_t& stack_top) {
  auto stack = KernelStack::create();
  auto home = allocate_frames(home_order);
  if (!stack || !home) {
    return nullptr;
  }
  stack_top = stack.value().top();
  auto idle = make_ref<Thread>(kernel_process(), base::move(stack.value()), nullptr);
  if (!idle) {
    return nullptr;
  }
  auto* made = base::construct_at<SecondaryCpu>(frame_window(home.value()));
  made->block.index = number;
  made->block.hardware_id = static_cast<decltype(made->block.hardware_id)>(hardware_id);
  made->idle = idle.value().take();
  secondaries[number] = made;
  enter_cpu(made->block, made->local);
  return made;
}

// Waits while the CPU is at `from`, for a time or without end.
Progress wait_while(SecondaryCpu& secondary, Progress from, uint64_t longest_ns) {
  const uint64_t start = cpu::monotonic_ns();
  Progress now = from;
  while (now == from && cpu::monotonic_ns() - start < longest_ns) {
    cpu::pause();
    serve_shootdowns();
    now = secondary.progress.load<base::Order::acquire>();
  }
  return now;
}

// nullptr, or why it does not run.
const char* start_cpu(uint32_t number, uint64_t hardware_id) {
  uint64_t stack_top = 0;
  SecondaryCpu* made = make_secondary(number, hardware_id, stack_top);
  if (made == nullptr) {
    return "out of memory";
  }
  if (const char* problem = cpu::start_secondary(made->block, stack_top)) {
    return problem;
  }
  Progress progress = wait_while(*made, Progress::called, arrival_ns);
  if (progress == Progress::called &&
      made->progress.compare_exchange(progress, Progress::abandoned)) {
    cpu::abandon_secondary(made->block);
    return "it does not come up";
  }
  if (wait_while(*made, Progress::arrived, ~0ULL) == Progress::refused) {
    return made->problem;
  }
  while (!online_cpus().contains(number)) {
    cpu::pause();
    serve_shootdowns();
  }
  return nullptr;
}

[[noreturn]] void refuse(SecondaryCpu& self, const char* problem) {
  self.problem = problem;
  self.progress.store<base::Order::release>(Progress::refused);
  cpu::halt();
}

}  // namespace

void start_other_cpus() {
  const uint32_t possible = possible_cpus();
  if (possible == 1) {
    return;
  }
  if (const char* problem = cpu::prepare_secondaries(platform())) {
    LOG_WARNING("cpus: only one is used: %s", problem);
    return;
  }
  const uint64_t own_id = cpu::this_cpu().hardware_id;
  uint32_t number = 1;
  for (const PlatformCpu& processor : platform().madt.cpus) {
    if (processor.hardware_id == own_id || number == possible) {
      continue;
    }
    if (const char* problem = start_cpu(number, processor.hardware_id)) {
      LOG_WARNING("cpus: %u (hardware id %lx) is left out: %s", number, processor.hardware_id,
                  problem);
    }
    ++number;
  }
  LOG_INFO("cpus: %u", online_cpus().count());
}

void secondary_main(cpu::PerCpu& block) {
  cpu::init_per_cpu(block, block.index);
  SecondaryCpu& self = *secondaries[block.index];
  Progress expected = Progress::called;
  if (!self.progress.compare_exchange(expected, Progress::arrived)) {
    cpu::halt();
  }
  if (!cpu::enable_features()) {
    refuse(self, "it is not like the boot CPU");
  }
  cpu::init_traps();
  if (const char* problem = cpu::init_secondary_devices()) {
    refuse(self, problem);
  }
  prove_protections();
  self.progress.store<base::Order::release>(Progress::online);
  bring_online();
  start_scheduler(Ref<Thread>::adopt(*self.idle));
}

}  // namespace kernel
