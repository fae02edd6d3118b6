#include "kernel/host/cpus.h"

#include "base/utility.h"
#include "cpu/cpu.h"
#include "kernel/driver/acpi.h"
#include "kernel/host/options.h"

namespace kernel {

namespace {

cpu::PerCpu* blocks[max_cpus];
constinit AtomicCpuMask online;

// The CPU that goes on alone, plus 1.
constinit base::Atomic<uint32_t> survivor{0};
constinit AtomicCpuMask stopped;

[[noreturn]] void stop_here() {
  stopped.add(cpu::this_cpu().index);
  cpu::halt();
}

}  // namespace

uint32_t possible_cpus() {
  const uint64_t found = base::max<uint64_t>(platform().madt.cpus.count, 1);
  return uint32_t(base::min(base::min<uint64_t>(found, options().cpus), uint64_t{max_cpus}));
}

CpuMask online_cpus() {
  return online.load();
}

CpuMask other_cpus() {
  return online.load().without(cpu::this_cpu().index);
}

CpuLocal& cpu_local_of(uint32_t cpu) {
  return *static_cast<CpuLocal*>(blocks[cpu]->kernel_data);
}

void enter_cpu(cpu::PerCpu& block, CpuLocal& local) {
  block.kernel_data = &local;
  blocks[block.index] = &block;
}

void bring_online() {
  online.add(cpu::this_cpu().index);
}

void stop_other_cpus() {
  (void)cpu::mask_interrupts();
  const uint32_t self = cpu::this_cpu().index;
  uint32_t first = 0;
  if (!survivor.compare_exchange(first, self + 1)) {
    if (first != self + 1) {
      stop_here();
    }
    return;
  }
  const CpuMask others = other_cpus();
  if (others.empty()) {
    return;
  }
  send_ipis(others, cpu::Ipi::stop);
  constexpr unsigned patience = 10'000'000;  // one that masks interrupts may not hear it
  for (unsigned i = 0; i < patience && stopped.load().intersect(others) != others; ++i) {
    cpu::pause();
  }
}

void stop_if_asked() {
  const uint32_t who = survivor.load<base::Order::acquire>();
  if (who != 0 && who != cpu::this_cpu().index + 1) {
    stop_here();
  }
}

void send_ipis(CpuMask to, cpu::Ipi which) {
  const cpu::InterruptGuard masked;
  cpu_local().ipis_sent[unsigned(which)] += to.count();
  to.for_each([which](uint32_t cpu) { cpu::send_ipi(*blocks[cpu], which); });
}

}  // namespace kernel
