// syscalls.h: the Linux system calls this kernel knows, by name. Their numbers are the
// architecture's: cpu/syscall_numbers.h maps number to Call; kernel/syscall/calls.h declares a
// function of the same name for each.
#pragma once

#include <cstdint>

// One a line, sorted: the only list there is.
// clang-format off
#define KERNEL_CALLS(X) \
  X(access) \
  X(arch_prctl) \
  X(brk) \
  X(chdir) \
  X(clock_getres) \
  X(clock_gettime) \
  X(clock_nanosleep) \
  X(clone) \
  X(clone3) \
  X(close) \
  X(dup) \
  X(dup2) \
  X(dup3) \
  X(execve) \
  X(exit) \
  X(exit_group) \
  X(faccessat) \
  X(fcntl) \
  X(fork) \
  X(fstat) \
  X(getcwd) \
  X(getdents64) \
  X(getegid) \
  X(geteuid) \
  X(getgid) \
  X(getpgid) \
  X(getpgrp) \
  X(getpid) \
  X(getppid) \
  X(getrandom) \
  X(getsid) \
  X(gettid) \
  X(gettimeofday) \
  X(getuid) \
  X(ioctl) \
  X(kill) \
  X(lseek) \
  X(lstat) \
  X(madvise) \
  X(mmap) \
  X(mprotect) \
  X(munmap) \
  X(nanosleep) \
  X(newfstatat) \
  X(open) \
  X(openat) \
  X(prlimit64) \
  X(read) \
  X(readlink) \
  X(readlinkat) \
  X(readv) \
  X(rt_sigaction) \
  X(rt_sigprocmask) \
  X(sched_yield) \
  X(set_robust_list) \
  X(set_tid_address) \
  X(setpgid) \
  X(setsid) \
  X(stat) \
  X(sysinfo) \
  X(tgkill) \
  X(time) \
  X(umask) \
  X(uname) \
  X(vfork) \
  X(wait4) \
  X(waitid) \
  X(write) \
  X(writev)
// clang-format on

namespace kernel {

enum class Call : uint16_t {
  unknown,
  // Known calls that programs expect to be absent.
  absent,
#define KERNEL_CALL_NAME(name) name,
  KERNEL_CALLS(KERNEL_CALL_NAME)
#undef KERNEL_CALL_NAME
};

struct CallNumber {
  uint16_t number;
  Call call;
};

}  // namespace kernel
