// proc_limits.cpp: /proc/PID/limits: what a process may use.
#include "kernel/scheme/proc_files.h"

namespace kernel::proc {

namespace {

struct Row {
  Limit limit;
  const char* name;
  const char* unit;
};

// In the order of Linux's numbers.
constexpr Row rows[] = {
    {Limit::processor_time, "Max cpu time", "seconds"},
    {Limit::file_size, "Max file size", "bytes"},
    {Limit::data, "Max data size", "bytes"},
    {Limit::stack, "Max stack size", "bytes"},
    {Limit::core, "Max core file size", "bytes"},
    {Limit::resident, "Max resident set", "bytes"},
    {Limit::processes, "Max processes", "processes"},
    {Limit::files, "Max open files", "files"},
    {Limit::locked_memory, "Max locked memory", "bytes"},
    {Limit::address_space, "Max address space", "bytes"},
    {Limit::file_locks, "Max file locks", "locks"},
    {Limit::pending_signals, "Max pending signals", "signals"},
    {Limit::message_bytes, "Max msgqueue size", "bytes"},
    {Limit::nice, "Max nice priority", ""},
    {Limit::realtime_priority, "Max realtime priority", ""},
    {Limit::realtime_time, "Max realtime timeout", "us"},
};
static_assert(sizeof(rows) / sizeof(rows[0]) == unsigned(Limit::count));

void print_bound(uint64_t bound, TextBuilder& text) {
  if (bound == no_limit) {
    text.print("%-21s", "unlimited");
    return;
  }
  text.print("%-21lu", bound);
}

}  // namespace

Outcome<> write_limits(const Subject& subject, TextBuilder& text) {
  Limits limits;
  {
    const base::Guard guard(process_lock);
    limits = subject.process->limits;
  }
  text.print("%-26s%-21s%-21s%-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const Row& row : rows) {
    text.print("%-26s", row.name);
    print_bound(limits.get(row.limit).soft, text);
    print_bound(limits.get(row.limit).hard, text);
    text.print("%-10s\n", row.unit);
  }
  return {};
}

}  // namespace kernel::proc
