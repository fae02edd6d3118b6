// dispatch.cpp: from a trap to the function behind the call.
#include <iterator>

#include "cpu/cpu.h"
#include "cpu/syscall_numbers.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/log.h"
#include "kernel/process/process.h"
#include "kernel/process/thread.h"
#include "kernel/seam/traps.h"
#include "kernel/syscall/calls.h"

namespace kernel {

namespace {

constexpr uint64_t max_number = 512;

struct Numbers {
  Call calls[max_number];
};

consteval Numbers make_numbers() {
  Numbers numbers{};
  for (const CallNumber& entry : cpu::syscall_numbers) {
    numbers.calls[entry.number] = entry.call;
  }
  return numbers;
}
constexpr Numbers numbers = make_numbers();

CallFunction function_of(Call call) {
  switch (call) {
    case Call::access: return calls::access;
    case Call::arch_prctl: return calls::arch_prctl;
    case Call::brk: return calls::brk;
    case Call::chdir: return calls::chdir;
    case Call::clock_getres: return calls::clock_getres;
    case Call::clock_gettime: return calls::clock_gettime;
    case Call::clock_nanosleep: return calls::clock_nanosleep;
    case Call::close: return calls::close;
    case Call::dup: return calls::dup;
    case Call::dup2: return calls::dup2;
    case Call::dup3: return calls::dup3;
    case Call::exit:
    case Call::exit_group: return calls::exit;
    case Call::faccessat:
    case Call::faccessat2: return calls::faccessat;
    case Call::fcntl: return calls::fcntl;
    case Call::fstat: return calls::fstat;
    case Call::getcwd: return calls::getcwd;
    case Call::getdents64: return calls::getdents64;
    case Call::getpid:
    case Call::gettid:
    case Call::set_tid_address: return calls::getpid;
    case Call::getppid: return calls::getppid;
    case Call::getrandom: return calls::getrandom;
    case Call::gettimeofday: return calls::gettimeofday;
    case Call::getegid:
    case Call::geteuid:
    case Call::getgid:
    case Call::getuid:
    case Call::sched_yield:
    case Call::set_robust_list: return calls::zero;
    case Call::ioctl: return calls::ioctl;
    case Call::kill: return calls::kill;
    case Call::lseek: return calls::lseek;
    case Call::lstat: return calls::lstat;
    case Call::madvise: return calls::madvise;
    case Call::mmap: return calls::mmap;
    case Call::mprotect: return calls::mprotect;
    case Call::munmap: return calls::munmap;
    case Call::nanosleep: return calls::nanosleep;
    case Call::newfstatat: return calls::newfstatat;
    case Call::open: return calls::open;
    case Call::openat: return calls::openat;
    case Call::prlimit64: return calls::prlimit64;
    case Call::read: return calls::read;
    case Call::readlink: return calls::readlink;
    case Call::readlinkat: return calls::readlinkat;
    case Call::readv: return calls::readv;
    case Call::rt_sigaction: return calls::rt_sigaction;
    case Call::rt_sigprocmask: return calls::rt_sigprocmask;
    case Call::stat: return calls::stat;
    case Call::sysinfo: return calls::sysinfo;
    case Call::tgkill: return calls::tgkill;
    case Call::time: return calls::time;
    case Call::umask: return calls::umask;
    case Call::uname: return calls::uname;
    case Call::write: return calls::write;
    case Call::writev: return calls::writev;
    case Call::rseq:  // a known call that programs expect to be absent
    case Call::unknown:
    case Call::count: break;
  }
  return nullptr;
}

CallResult refuse(Process& process, Call call, uint64_t number) {
  if (call != Call::rseq && process.first_time_unknown(number)) {
    LOG_INFO("%s[%u]: system call %lu is not implemented", process.name(), process.id(), number);
  }
  return Errno::not_implemented;
}

}  // namespace

void trap_syscall(cpu::TrapFrame& frame) {
  Process& process = cpu_local().thread->process();
  cpu::unmask_interrupts();
  const uint64_t number = frame.syscall_number();
  const Call call = number < max_number ? numbers.calls[number] : Call::unknown;
  const CallFunction function = function_of(call);
  CallArguments arguments{process, {}};
  for (unsigned i = 0; i < std::size(arguments.value); ++i) {
    arguments.value[i] = frame.syscall_argument(i);
  }
  const CallResult result =
      function != nullptr ? function(arguments) : refuse(process, call, number);
  frame.set_syscall_result(result.raw());
  (void)cpu::mask_interrupts();
}

}  // namespace kernel
