#include "kernel/process/init.h"

#include "kernel/fd/console_device.h"
#include "kernel/host/shutdown.h"
#include "kernel/log/log.h"
#include "kernel/process/image.h"
#include "kernel/process/root.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/wait.h"

namespace kernel {

namespace {

// Statuses of a shell that never started, as shells have them.
constexpr uint8_t status_not_found = 127;
constexpr uint8_t status_not_executable = 126;

constexpr Text shell = "/bin/sh";
constexpr Text environment_words[] = {"PATH=/bin", "HOME=/", "TERM=linux", "USER=root",
                                      "SHELL=/bin/sh"};

base::Status describe_shell(StringList& arguments, StringList& environment, const Text* line) {
  BASE_TRY(arguments.add(line == nullptr ? "-sh" : "sh"));  // "-": reads the profile
  if (line != nullptr) {
    BASE_TRY(arguments.add("-c"));
    BASE_TRY(arguments.add(*line));
  }
  for (const Text word : environment_words) {
    BASE_TRY(environment.add(word));
  }
  return {};
}

}  // namespace

uint8_t wait_as_init(uint32_t id) {
  Process& init = init_process();
  for (;;) {
    MultiWait waiting(WaitKind::uninterruptible, Deadline::never());
    (void)waiting.add(init.child_events);
    waiting.prepare();
    bool any = reap_threads();
    ChildWait wait;
    wait.blocks = false;
    if (const auto child = wait_for_child(init, wait); child && child.value().id != 0) {
      any = true;
      if (child.value().id == id) {
        (void)reap_threads();
        return child.value().status.shell_status();
      }
    }
    if (!any) {
      (void)waiting.block();
    }
  }
}

void run_first_program(const Text* line) {
  mount_root();
  StringList arguments;
  StringList environment;
  Outcome<uint32_t> child = describe_shell(arguments, environment, line).ok()
                                ? spawn(init_process(), shell, base::move(arguments), environment)
                                : Outcome<uint32_t>(Errno::no_memory);
  if (!child) {
    LOG_ERROR("%.*s: cannot be started (error %u)", int(shell.size()), shell.data(),
              unsigned(child.error()));
    exit_machine(child.error() == Errno::no_entry ? status_not_found : status_not_executable);
  }
  console_device().adopt_session(child.value());
  exit_machine(wait_as_init(child.value()));
}

}  // namespace kernel
