// main.cpp: the composition root: brings the machine up in order, then runs what was asked for.
#include "cpu/console_uart.h"
#include "cpu/context.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/interrupt_controller.h"
#include "cpu/per_cpu.h"
#include "cpu/timer.h"
#include "cpu/traps.h"
#include "kernel/driver/acpi.h"
#include "kernel/driver/console.h"
#include "kernel/driver/screen.h"
#include "kernel/fd/cpio.h"
#include "kernel/fd/initfs.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/cpus.h"
#include "kernel/host/options.h"
#include "kernel/host/random.h"
#include "kernel/host/self_test.h"
#include "kernel/host/shutdown.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/machine.h"
#include "kernel/memory/user_access.h"
#include "kernel/process/init.h"
#include "kernel/process/load.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/secondary.h"
#include "kernel/process/thread.h"
#include "kernel/process/timer.h"
#include "kernel/sanitizer/shadow.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/seam/traps.h"

namespace kernel {

namespace {

// The boot CPU's blocks.
cpu::PerCpu boot_cpu;
CpuLocal boot_cpu_local;

void announce() {
  if (options().log == LogTarget::debug) {
    set_log_channel(LogChannel::debug);
    log_plain("@boot");
  } else {
    set_log_channel(LogChannel::console);
  }
  set_log_level(options().debug_messages ? LogLevel::debug : LogLevel::info);
}

void start_cpu() {
  cpu::init_per_cpu(boot_cpu, 0);
  enter_cpu(boot_cpu, boot_cpu_local);
  bring_online();
  (void)cpu::enable_features();
  prepare_user_access();
  cpu::init_traps();
}

void log_features() {
  char line[256];
  size_t used = 0;
  for (const char* name : cpu::feature_names()) {
    const Text text(name);
    if (used + text.size() + 2 < sizeof(line)) {
      line[used++] = ' ';
      used += text.copy(line + used, text.size());
    }
  }
  LOG_INFO("cpu: %s, %u levels,%.*s", cpu::machine_name, boot_info().levels, int(used), line);
}

void start_memory() {
  if (!init_frames()) {
    panic("no memory for the frame allocator");
  }
  init_kernel_map();
  start_address_checks();
  if (!init_machine()) {
    panic("no memory for the address spaces");
  }
  LOG_INFO("memory: %lu MiB usable", usable_frame_count() >> 8);
}

void start_screen() {
  if (!options().screen) {
    return;
  }
  const auto font = find_in_cpio(boot_initrd(), "lib/console.psf");
  const char* problem = font ? init_screen(*font) : "no font /lib/console.psf";
  if (problem != nullptr) {
    LOG_INFO("screen: none (%s)", problem);
    return;
  }
  const boot::BootFramebuffer& frame = boot_info().framebuffer;
  const ScreenSize size = screen_size();
  LOG_INFO("screen: %u by %u pixels, %u by %u characters", frame.width, frame.height, size.columns,
           size.rows);
}

void require(const char* problem) {
  if (problem != nullptr) {
    panic("%s", problem);
  }
}

void start_devices() {
  require(cpu::init_interrupt_controller(platform()));
  if (const char* problem = cpu::init_console_uart(platform())) {
    LOG_WARNING("console: %s", problem);
  }
  flush_log();
  require(cpu::init_timer(platform()));
  init_console();
  if (!start_load_sampling().ok()) {
    panic("no memory for load figures");
  }
  LOG_INFO("time: counter at %lu kHz", cpu::counter_hz() / 1000);
}

void mount_files() {
  if (const char* problem = mount_initfs(boot_initrd())) {
    LOG_ERROR("initial file system: %s", problem);
  }
  init_schemes();
}

// tools/run drops what the firmware and the loader wrote, up to this mark. For the
// serial line alone.
void mark_console() {
  if (options().console_mark[0] != '\0') {
    for (const Text part : {Text("\n@console "), Text(options().console_mark), Text("\n")}) {
      for (const char byte : part) {
        cpu::uart_write(byte);
      }
    }
  }
}

// Process 1's thread, on a guarded stack, with every service up.
void main_thread(void*) {
  prove_protections();
  start_other_cpus();
  mount_files();
  run_panic_test(options().panic_test);
  if (options().self_test != SelfTest::none) {
    exit_machine(run_self_tests(options().self_test) ? 0 : 1);
  }
  mark_console();
  if (options().has_run) {
    const Text line(options().run);
    run_first_program(&line);
  }
  run_first_program(nullptr);
}

[[noreturn]] void enter_main_thread() {
  create_first_processes();
  auto thread = Thread::create_kernel(init_process(), main_thread, nullptr);
  if (!thread) {
    panic("no memory for the first thread");
  }
  {
    const base::Guard guard(process_lock);
    add_thread(*thread.value(), init_process().id()).expect("the first thread");
  }
  auto idle = make_ref<Thread>(kernel_process());
  if (!idle) {
    panic("no memory for the idle thread");
  }
  start_thread(base::move(thread.value()));
  start_scheduler(base::move(idle.value()));
}

}  // namespace

void kernel_main(const void* candidate) {
  cpu::init_early_console();
  if (const char* problem = adopt_boot_info(candidate)) {
    set_log_channel(LogChannel::console);
    LOG_ERROR("%s", problem);
    cpu::halt();
  }
  parse_command_line(boot_command_line());
  announce();
  start_cpu();
  log_features();
  read_acpi();
  start_memory();
  start_screen();
  start_devices();
  init_random();
  enter_main_thread();
}

}  // namespace kernel
