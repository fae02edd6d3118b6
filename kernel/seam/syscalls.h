// syscalls.h: the Linux system calls this kernel knows, by name. Their numbers are the
// architecture's: cpu/syscall_numbers.h maps number to Call; kernel/syscall/calls.h declares a
// function of the same name for each.
#pragma once

#include <cstdint>

// One a line, sorted: the only list there is.
// clang-format off
#define KERNEL_CALLS(X) \
  X(access) \
  X(alarm) \
  X(arch_prctl) \
  X(brk) \
  X(capget) \
  X(capset) \
  X(chdir) \
  X(chmod) \
  X(chown) \
  X(clock_getres) \
  X(clock_gettime) \
  X(clock_nanosleep) \
  X(clock_settime) \
  X(clone) \
  X(clone3) \
  X(close) \
  X(close_range) \
  X(creat) \
  X(dup) \
  X(dup2) \
  X(dup3) \
  X(dup_named) \
  X(execve) \
  X(exit) \
  X(exit_group) \
  X(faccessat) \
  X(faccessat2) \
  X(fallocate) \
  X(fchdir) \
  X(fchmod) \
  X(fchmodat) \
  X(fchmodat2) \
  X(fchown) \
  X(fchownat) \
  X(fcntl) \
  X(fdatasync) \
  X(fork) \
  X(fstat) \
  X(fstatfs) \
  X(fsync) \
  X(ftruncate) \
  X(futex) \
  X(get_robust_list) \
  X(getcpu) \
  X(getcwd) \
  X(getdents64) \
  X(getegid) \
  X(geteuid) \
  X(getgid) \
  X(getgroups) \
  X(getitimer) \
  X(getpgid) \
  X(getpgrp) \
  X(getpid) \
  X(getppid) \
  X(getpriority) \
  X(getrandom) \
  X(getresgid) \
  X(getresuid) \
  X(getrlimit) \
  X(getrusage) \
  X(getsid) \
  X(gettid) \
  X(gettimeofday) \
  X(getuid) \
  X(ioctl) \
  X(kill) \
  X(lchown) \
  X(link) \
  X(linkat) \
  X(lseek) \
  X(lstat) \
  X(madvise) \
  X(membarrier) \
  X(memfd_create) \
  X(mincore) \
  X(mkdir) \
  X(mkdirat) \
  X(mknod) \
  X(mknodat) \
  X(mlock) \
  X(mlock2) \
  X(mlockall) \
  X(mmap) \
  X(mount) \
  X(mprotect) \
  X(mremap) \
  X(msync) \
  X(munlock) \
  X(munlockall) \
  X(munmap) \
  X(nanosleep) \
  X(newfstatat) \
  X(open) \
  X(openat) \
  X(pause) \
  X(personality) \
  X(pipe) \
  X(pipe2) \
  X(poll) \
  X(ppoll) \
  X(prctl) \
  X(pread64) \
  X(preadv) \
  X(preadv2) \
  X(prlimit64) \
  X(pselect6) \
  X(pwrite64) \
  X(pwritev) \
  X(pwritev2) \
  X(read) \
  X(readlink) \
  X(readlinkat) \
  X(readv) \
  X(rename) \
  X(renameat) \
  X(renameat2) \
  X(restart_syscall) \
  X(rmdir) \
  X(rt_sigaction) \
  X(rt_sigpending) \
  X(rt_sigprocmask) \
  X(rt_sigqueueinfo) \
  X(rt_sigreturn) \
  X(rt_sigsuspend) \
  X(rt_sigtimedwait) \
  X(rt_tgsigqueueinfo) \
  X(sched_get_priority_max) \
  X(sched_get_priority_min) \
  X(sched_getaffinity) \
  X(sched_getparam) \
  X(sched_getscheduler) \
  X(sched_rr_get_interval) \
  X(sched_setaffinity) \
  X(sched_setparam) \
  X(sched_setscheduler) \
  X(sched_yield) \
  X(select) \
  X(sendfile) \
  X(set_robust_list) \
  X(set_tid_address) \
  X(setdomainname) \
  X(setfsgid) \
  X(setfsuid) \
  X(setgid) \
  X(setgroups) \
  X(sethostname) \
  X(setitimer) \
  X(setpgid) \
  X(setpriority) \
  X(setregid) \
  X(setresgid) \
  X(setresuid) \
  X(setreuid) \
  X(setrlimit) \
  X(setsid) \
  X(settimeofday) \
  X(setuid) \
  X(sigaltstack) \
  X(stat) \
  X(statfs) \
  X(statx) \
  X(symlink) \
  X(symlinkat) \
  X(sync) \
  X(syncfs) \
  X(sysinfo) \
  X(syslog) \
  X(tgkill) \
  X(time) \
  X(times) \
  X(tkill) \
  X(truncate) \
  X(umask) \
  X(umount2) \
  X(uname) \
  X(unlink) \
  X(unlinkat) \
  X(utime) \
  X(utimensat) \
  X(utimes) \
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
