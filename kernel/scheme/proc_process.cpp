// proc_process.cpp: /proc/PID: what a process is and has done.
#include "base/utility.h"
#include "kernel/fd/console_device.h"
#include "kernel/scheme/proc_files.h"

namespace kernel::proc {

namespace {

char letter_of(ThreadState state) {
  switch (state) {
    case ThreadState::fresh:
    case ThreadState::ready:
    case ThreadState::running: return 'R';
    case ThreadState::waiting: return 'S';
    case ThreadState::ended: break;
  }
  return 'Z';
}

char letter_of(Process& process, const Thread* thread) BASE_REQUIRES(process_lock) {
  if (process.state != ProcessState::running || process.threads.empty()) {
    return 'Z';
  }
  if (process.signals.is_stopped) {
    return 'T';
  }
  if (thread != nullptr) {
    return letter_of(thread->state());
  }
  char letter = 'S';
  for (Thread* each = process.threads.front(); each != nullptr;
       each = process.threads.next(*each)) {
    letter = letter_of(each->state()) == 'R' ? 'R' : letter;
  }
  return letter;
}

void look_at_signals(Process& process, Thread* thread, Snapshot& to) BASE_REQUIRES(process_lock) {
  to.shared_pending = process.signals.pending.set().bits();
  if (process.signals.actions) {
    for (unsigned number = 1; number <= last_signal; ++number) {
      const SignalAction& action = process.signals.actions->of(Signal(number));
      to.caught |= uint64_t(action.has_handler()) << (number - 1);
      to.ignored |= uint64_t(action.handler == SignalAction::ignore) << (number - 1);
    }
  }
  Thread* shown = thread != nullptr ? thread : process.threads.front();
  if (shown != nullptr) {
    to.pending = shown->signals.pending.set().bits();
    to.blocked = shown->signals.blocked.bits();
  }
}

const char* state_name(char letter) {
  switch (letter) {
    case 'R': return "R (running)";
    case 'T': return "T (stopped)";
    case 'Z': return "Z (zombie)";
    default: return "S (sleeping)";
  }
}

Outcome<> write_name(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  text.print("%s\n", process.name);
  return {};
}

Outcome<> write_stat(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  vm::SpaceStatistics memory;
  uint64_t stack = 0;
  uint64_t heap = 0;
  if (process.space) {
    memory = process.space->vm().statistics();
    stack = process.space->stack_top();
    heap = process.space->break_start();
  }
  const vm::FaultCounters& faults = memory.faults;
  const uint64_t minor = faults.zero + faults.fresh + faults.copied + faults.reused + faults.object;
  constexpr int console_number = 5 << 8 | 1;
  const ConsoleDevice::Owner terminal = console_device().owner();
  const bool has_terminal = terminal.session != 0 && terminal.session == process.session;
  text.print("%u (%s) %c %u %u %u %d %d 0 %lu 0 %lu 0 ", process.id, process.name, process.state,
             process.parent, process.group, process.session, has_terminal ? console_number : 0,
             has_terminal ? int(terminal.foreground) : -1, minor, faults.waited);
  text.print("%lu %lu %lu %lu 20 0 %u 0 %lu %lu %lu %lu ", process.times.user / tick_ns,
             process.times.system / tick_ns, process.children.user / tick_ns,
             process.children.system / tick_ns, process.threads, process.start_ns / tick_ns,
             memory.mapped.raw() * base::page_size, memory.resident.raw(), ~uint64_t{0});
  text.print("0 0 %lu 0 0 %lu %lu %lu %lu 0 0 0 %u 0 0 0 0 0 0 ", stack,
             process.pending & 0x7fff'ffff, process.blocked & 0x7fff'ffff,
             process.ignored & 0x7fff'ffff, process.caught & 0x7fff'ffff, process.exit_signal);
  text.print("0 0 %lu %lu %lu %lu %lu %u\n", heap, process.words.arguments,
             process.words.arguments_end, process.words.environment, process.words.environment_end,
             process.exit_status);
  return {};
}

void write_memory_status(UserSpace& space, TextBuilder& text) {
  const vm::SpaceStatistics memory = space.vm().statistics();
  constexpr uint64_t kib = base::page_size / 1024;
  text.print("VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\n",
             memory.peak_mapped.raw() * kib, memory.mapped.raw() * kib, memory.locked.raw() * kib);
  text.print("VmRSS:\t%8lu kB\nVmData:\t%8lu kB\nVmSwap:\t       0 kB\n",
             memory.resident.raw() * kib, memory.committed.raw() * kib);
}

Outcome<> write_status(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  text.print("Name:\t%s\n", process.name);
  if (process.paths) {
    const uint32_t mask = process.paths->mask();
    text.print("Umask:\t0%u%u%u\n", mask >> 6 & 7, mask >> 3 & 7, mask & 7);
  }
  text.print("State:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
             state_name(process.state), subject.process->id(), process.id, process.parent);
  text.put("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
  text.print("FDSize:\t%u\nGroups:\t0 \n", process.files ? 64u : 0u);
  if (process.space) {
    write_memory_status(*process.space, text);
  }
  text.print("Threads:\t%u\n", process.threads);
  text.print(
      "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
      process.pending, process.shared_pending, process.blocked, process.ignored, process.caught);
  text.print(
      "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\n"
      "nonvoluntary_ctxt_switches:\t0\n",
      process.switches);
  return {};
}

Outcome<> write_mounts_of(const Subject&, TextBuilder& text) {
  return write_mounts(text);
}

constexpr ProcessFile files[] = {
    {"cmdline", write_arguments, 0444, true},   {"comm", write_name, 0444, true},
    {"environ", write_environment, 0400, true}, {"limits", write_limits, 0444, true},
    {"maps", write_maps, 0444, true},           {"mounts", write_mounts_of, 0444, false},
    {"stat", write_stat, 0444, true},           {"statm", write_statm, 0444, true},
    {"status", write_status, 0444, true},
};

}  // namespace

Outcome<Snapshot> look(const Subject& subject) {
  Snapshot to{};
  const base::Guard guard(process_lock);
  Process& process = *subject.process;
  Thread* thread = subject.thread == 0 ? nullptr : find_thread_locked(subject.thread);
  if (process.state == ProcessState::reaped ||
      (subject.thread != 0 && (thread == nullptr || &thread->process() != &process))) {
    return Errno::no_process;
  }
  Text(process.name()).copy(to.name, sizeof(to.name) - 1);
  to.id = thread != nullptr ? thread->id() : process.id();
  to.parent = process.parent == nullptr ? 0 : process.parent->id();
  to.group = process.group;
  to.session = process.session;
  to.threads = process.thread_count;
  to.state = letter_of(process, thread);
  to.times = thread != nullptr ? thread->times() : process.times();
  to.children = process.waited_children;
  to.start_ns = process.start_ns();
  for (Thread* each = process.threads.front(); each != nullptr;
       each = process.threads.next(*each)) {
    to.switches += thread == nullptr || each == thread ? each->context_switches() : 0;
  }
  to.exit_signal = process.exit_signal;
  to.exit_status = process.state == ProcessState::zombie ? process.status.raw() : 0;
  look_at_signals(process, thread, to);
  to.words = process.words();
  to.space = process.space_ref();
  to.files = process.files_ref();
  to.paths = process.paths_ref();
  to.executable = process.executable();
  return to;
}

std::span<const ProcessFile> process_files() {
  return files;
}

}  // namespace kernel::proc
