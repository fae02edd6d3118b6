#include "kernel/process/wait.h"

namespace kernel {

namespace {

bool fits(const Process& child, const ChildWait& wait) BASE_REQUIRES(process_lock) {
  const bool is_clone = child.exit_signal != default_exit_signal;
  if (wait.kind != ChildWait::Kind::all && is_clone != (wait.kind == ChildWait::Kind::clones)) {
    return false;
  }
  switch (wait.which) {
    case ChildWait::Which::any: return true;
    case ChildWait::Which::process: return child.id() == wait.id;
    case ChildWait::Which::group: return child.group == wait.id;
  }
  return false;
}

std::optional<ChildReport> news_of(Process& child, const ChildWait& wait)
    BASE_REQUIRES(process_lock) {
  ChildReport report;
  report.id = child.id();
  if (child.state == ProcessState::zombie) {
    if (!wait.ended) {
      return std::nullopt;
    }
    report.status = child.status;
    report.times = child.times();
    report.times.user += child.waited_children.user;
    report.times.system += child.waited_children.system;
    report.usage = child.past_usage;
    report.usage.add(child.waited_usage);
    return report;
  }
  if (wait.stopped && child.stop_unreported) {
    report.what = ChildReport::What::stopped;
    report.status = WaitStatus::stopped(child.stop_signal);
    child.stop_unreported = wait.keeps;
    return report;
  }
  if (wait.continued && child.continue_unreported) {
    report.what = ChildReport::What::continued;
    report.status = WaitStatus::continued();
    child.continue_unreported = wait.keeps;
    return report;
  }
  return std::nullopt;
}

struct Look {
  bool any_fits = false;
  std::optional<ChildReport> report;
  Ref<Process> reaped;  // its last handle is dropped without the lock
};

Look look(Process& parent, const ChildWait& wait) {
  const base::Guard guard(process_lock);
  Look result;
  for (Process* child = parent.children.front(); child != nullptr;
       child = parent.children.next(*child)) {
    if (!fits(*child, wait)) {
      continue;
    }
    result.any_fits = true;
    result.report = news_of(*child, wait);
    if (!result.report) {
      continue;
    }
    if (result.report->what == ChildReport::What::ended && !wait.keeps) {
      parent.waited_children.user += result.report->times.user;
      parent.waited_children.system += result.report->times.system;
      parent.waited_usage.add(result.report->usage);
      result.reaped = remove_process(*child);
    }
    return result;
  }
  return result;
}

}  // namespace

base::Result<ChildReport> wait_for_child(Process& parent, const ChildWait& wait) {
  for (;;) {
    // Not in the condition of the wait: what is reaped must not be freed while about to sleep.
    Look found = look(parent, wait);
    if (found.report) {
      return *found.report;
    }
    if (!found.any_fits) {
      return base::Error::not_found;
    }
    if (!wait.blocks) {
      return ChildReport{};
    }
    MultiWait waiting(WaitKind::interruptible, Deadline::never());
    (void)waiting.add(parent.child_events);
    waiting.prepare();
    ChildWait peek = wait;
    peek.keeps = true;
    const Look again = look(parent, peek);
    if (again.report || !again.any_fits) {
      continue;
    }
    if (waiting.block() != WaitResult::ready) {
      return base::Error::interrupted;
    }
  }
}

}  // namespace kernel
