// proc_system.cpp: /proc itself and /proc/sys/kernel: the machine and the kernel as a whole.
#include "base/utility.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/timer.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/clock.h"
#include "kernel/host/cpus.h"
#include "kernel/memory/frames.h"
#include "kernel/process/load.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/mounts.h"
#include "kernel/scheme/proc_files.h"
#include "kernel/syscall/system_name.h"

namespace kernel::proc {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint64_t kib_a_page = base::page_size / 1024;

// What one CPU, or all together, have done so far.
struct Activity {
  uint64_t user_ns = 0;
  uint64_t system_ns = 0;
  uint64_t idle_ns = 0;
  uint64_t interrupts = 0;
  uint64_t switches = 0;

  void add(const CpuLocal& cpu, uint64_t now) {
    const uint64_t busy = cpu.user_ns + cpu.system_ns;
    user_ns += cpu.user_ns;
    system_ns += cpu.system_ns;
    idle_ns += now > busy ? now - busy : 0;
    interrupts += cpu.ticks + cpu.device_interrupts + cpu.ipis_received;
    switches += cpu.switches;
  }
};

Activity all_activity(uint64_t now) {
  Activity all;
  online_cpus().for_each([&](uint32_t cpu) { all.add(cpu_local_of(cpu), now); });
  return all;
}

void print_times(TextBuilder& text, const Activity& activity) {
  text.print(" %lu 0 %lu %lu 0 0 0 0 0 0\n", activity.user_ns / tick_ns,
             activity.system_ns / tick_ns, activity.idle_ns / tick_ns);
}

Outcome<> write_stat(TextBuilder& text) {
  const uint64_t now = cpu::monotonic_ns();
  const Activity all = all_activity(now);
  text.put("cpu ");
  print_times(text, all);
  online_cpus().for_each([&](uint32_t cpu) {
    Activity one;
    one.add(cpu_local_of(cpu), now);
    text.print("cpu%u", cpu);
    print_times(text, one);
  });
  uint64_t started = 0;
  {
    const base::Guard guard(process_lock);
    started = processes_started();
  }
  text.print("intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\n", all.interrupts, all.switches,
             (wall_clock_ns() - now) / ns_per_second, started);
  text.print("procs_running %u\nprocs_blocked 0\n", running_threads());
  return {};
}

Outcome<> write_meminfo(TextBuilder& text) {
  const uint64_t total = usable_frame_count() * kib_a_page;
  const uint64_t free = free_frame_count() * kib_a_page;
  const struct {
    const char* name;
    uint64_t kib;
  } lines[] = {{"MemTotal:", total}, {"MemFree:", free}, {"MemAvailable:", free},
               {"Buffers:", 0},      {"Cached:", 0},     {"SwapCached:", 0},
               {"Active:", 0},       {"Inactive:", 0},   {"SwapTotal:", 0},
               {"SwapFree:", 0},     {"Dirty:", 0},      {"Writeback:", 0},
               {"Mapped:", 0},       {"Shmem:", 0},      {"Slab:", 0},
               {"SReclaimable:", 0}, {"SUnreclaim:", 0}};
  for (const auto& line : lines) {
    constexpr size_t number_column = 15;
    text.put(line.name);
    text.put(Text("               ").substr(0, number_column - Text(line.name).size()));
    text.print("%9lu kB\n", line.kib);
  }
  return {};
}

Outcome<> write_uptime(TextBuilder& text) {
  const uint64_t now = cpu::monotonic_ns();
  const uint64_t idle = all_activity(now).idle_ns;
  text.print("%lu.%02lu %lu.%02lu\n", now / ns_per_second, now % ns_per_second / tick_ns,
             idle / ns_per_second, idle % ns_per_second / tick_ns);
  return {};
}

Outcome<> write_loadavg(TextBuilder& text) {
  const Load now = load();
  for (const uint64_t average : now.average) {
    const uint64_t rounded = average + load_one / 200;
    text.print("%lu.%02lu ", rounded / load_one, rounded % load_one * 100 / load_one);
  }
  uint32_t threads = 0;
  uint32_t last = 0;
  {
    const base::Guard guard(process_lock);
    threads = thread_count();
    for (Process* process = next_process_locked(0); process != nullptr;
         process = next_process_locked(process->id())) {
      last = process->id();
    }
  }
  text.print("%u/%u %u\n", running_threads(), threads, last);
  return {};
}

Outcome<> write_version(TextBuilder& text) {
  text.print("%s version %s (%s) %s\n", system_name::system, system_name::release,
             system_name::node, system_name::version);
  return {};
}

Outcome<> write_cpuinfo(TextBuilder& text) {
  online_cpus().for_each([&](uint32_t cpu) {
    text.print("processor\t: %u\nmodel name\t: %s\ncpu MHz\t\t: %lu.%03lu\nflags\t\t:", cpu,
               cpu::machine_name, cpu::counter_hz() / 1'000'000,
               cpu::counter_hz() % 1'000'000 / 1000);
    for (const char* feature : cpu::feature_names()) {
      text.print(" %s", feature);
    }
    text.put("\n\n");
  });
  return {};
}

Outcome<> write_filesystems(TextBuilder& text) {
  text.put("nodev\tinitfs\nnodev\tdev\nnodev\tproc\nnodev\tscheme\n");
  return {};
}

Outcome<> write_command_line(TextBuilder& text) {
  text.put(boot_command_line());
  if (!text.text().ends_with('\n')) {
    text.put("\n");
  }
  return {};
}

Outcome<> write_interrupts(TextBuilder& text) {
  const CpuMask cpus = online_cpus();
  const auto line = [&](const char* name, auto&& value) {
    text.print("%8s:", name);
    cpus.for_each([&](uint32_t cpu) { text.print(" %10lu", uint64_t(value(cpu_local_of(cpu)))); });
    text.put("\n");
  };
  text.put("         ");
  cpus.for_each([&](uint32_t cpu) { text.print("       CPU%u", cpu); });
  text.put("\n");
  line("timer", [](const CpuLocal& cpu) { return cpu.ticks; });
  line("devices", [](const CpuLocal& cpu) { return cpu.device_interrupts; });
  line("ipis", [](const CpuLocal& cpu) { return cpu.ipis_received; });
  return {};
}

template <const char* value>
Outcome<> write_name(TextBuilder& text) {
  text.print("%s\n", value);
  return {};
}

Outcome<> write_pid_max(TextBuilder& text) {
  text.print("%u\n", max_ids);
  return {};
}

constexpr SystemFile in_root[] = {
    {"cmdline", write_command_line},
    {"cpuinfo", write_cpuinfo},
    {"filesystems", write_filesystems},
    {"interrupts", write_interrupts},
    {"loadavg", write_loadavg},
    {"meminfo", write_meminfo},
    {"stat", write_stat},
    {"uptime", write_uptime},
    {"version", write_version},
};

constexpr SystemFile in_kernel[] = {
    {"hostname", write_name<system_name::node>},   {"osrelease", write_name<system_name::release>},
    {"ostype", write_name<system_name::system>},   {"pid_max", write_pid_max},
    {"version", write_name<system_name::version>},
};

}  // namespace

Outcome<> write_mounts(TextBuilder& text) {
  text.put(
      "initfs / initfs ro 0 0\n"
      "dev /dev dev rw 0 0\n"
      "proc /proc proc ro 0 0\n"
      "scheme /scheme scheme rw 0 0\n");
  for (size_t i = 0;; ++i) {
    const Mounted mounted = mount_at(i);
    if (!mounted.scheme) {
      return {};
    }
    const Text name = mounted.scheme->name();
    const Text at = mounted.at->text();
    text.print("%.*s %.*s scheme %s 0 0\n", int(name.size()), name.data(), int(at.size()),
               at.data(), mounted.scheme->is_read_only() ? "ro" : "rw");
  }
}

std::span<const SystemFile> system_files() {
  return in_root;
}
std::span<const SystemFile> kernel_files() {
  return in_kernel;
}

}  // namespace kernel::proc
