// syscalls.h: the Linux system calls this kernel knows, by name. Their numbers are the
// architecture's: cpu/syscall_numbers.h maps number to Call.
#pragma once

#include <cstdint>

namespace kernel {

enum class Call : uint8_t {
  unknown,
  access,
  arch_prctl,
  brk,
  chdir,
  clock_getres,
  clock_gettime,
  clock_nanosleep,
  close,
  dup,
  dup2,
  dup3,
  exit,
  exit_group,
  faccessat,
  faccessat2,
  fcntl,
  fstat,
  getcwd,
  getdents64,
  getegid,
  geteuid,
  getgid,
  getpid,
  getppid,
  getrandom,
  gettid,
  gettimeofday,
  getuid,
  ioctl,
  kill,
  lseek,
  lstat,
  madvise,
  mmap,
  mprotect,
  munmap,
  nanosleep,
  newfstatat,
  open,
  openat,
  prlimit64,
  read,
  readlink,
  readlinkat,
  readv,
  rseq,
  rt_sigaction,
  rt_sigprocmask,
  sched_yield,
  set_robust_list,
  set_tid_address,
  stat,
  sysinfo,
  tgkill,
  time,
  umask,
  uname,
  write,
  writev,
  count,
};

struct CallNumber {
  uint16_t number;
  Call call;
};

}  // namespace kernel
