#include "kernel/memory/shootdown.h"

#include "base/atomic.h"
#include "cpu/cpu.h"
#include "kernel/host/cpus.h"

namespace kernel {

namespace {

struct alignas(64) Desk {
  // Of the CPU as a caller. One at a time: it waits for the answers with interrupts masked.
  RemoteAction action = nullptr;
  void* context = nullptr;
  AtomicCpuMask unanswered;
  // Of the CPU as a target: who has asked since it looked last.
  alignas(64) base::Atomic<uint64_t> callers{0};
};
constinit Desk desks[max_cpus];

}  // namespace

void run_on_cpus(CpuMask cpus, RemoteAction action, void* context) {
  const cpu::InterruptGuard masked;
  const uint32_t self = cpu::this_cpu().index;
  const CpuMask targets = cpus.intersect(other_cpus());
  if (targets.empty()) {
    return;
  }
  Desk& mine = desks[self];
  mine.action = action;
  mine.context = context;
  targets.for_each([&mine](uint32_t cpu) { mine.unanswered.add(cpu); });
  CpuMask unaware;
  targets.for_each([&](uint32_t cpu) {
    // Who was marked already has been interrupted, and takes all marks at once.
    if (desks[cpu].callers.fetch_or<base::Order::sequential>(1ULL << self) == 0) {
      unaware = unaware.with(cpu);
    }
  });
  CpuLocal& local = cpu_local();
  ++local.shootdown_rounds;
  send_ipis(unaware, cpu::Ipi::shootdown);
  while (!mine.unanswered.load().empty()) {
    serve_shootdowns();
    cpu::pause();
  }
}

void serve_shootdowns() {
  if (desks[cpu::this_cpu().index].callers.load<base::Order::relaxed>() == 0) {
    return;
  }
  const cpu::InterruptGuard masked;
  const uint32_t self = cpu::this_cpu().index;
  const CpuMask callers(desks[self].callers.exchange<base::Order::sequential>(0));
  callers.for_each([self](uint32_t caller) {
    Desk& desk = desks[caller];
    desk.action(desk.context);
    (void)desk.unanswered.remove(self);
  });
}

ShootdownCounts shootdown_counts() {
  ShootdownCounts sum;
  online_cpus().for_each([&sum](uint32_t cpu) {
    const CpuLocal& local = cpu_local_of(cpu);
    sum.rounds += local.shootdown_rounds;
    sum.interrupts += local.ipis_sent[unsigned(cpu::Ipi::shootdown)];
  });
  return sum;
}

}  // namespace kernel
